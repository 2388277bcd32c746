"""The Creditgate server: prepaid credits, authorized and charged over gRPC, on PostgreSQL."""

from __future__ import annotations
