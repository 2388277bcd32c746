"""Requests as the service takes them, and its answers as `_types`. No connection is needed."""
