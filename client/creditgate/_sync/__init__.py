"""The client for threads, which mirrors the one for asyncio."""
