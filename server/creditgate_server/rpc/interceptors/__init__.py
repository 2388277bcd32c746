"""The steps every call passes, one per file; `rpc.methods` declares their order."""
