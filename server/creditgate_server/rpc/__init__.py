"""gRPC at the edge: who calls, what is asked, what is answered. The rules are elsewhere."""
