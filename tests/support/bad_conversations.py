"""Terms of conversations with one field wrong, and that field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.duration_pb2 import Duration

from tests.support.calls import good_conversation_terms


def bad_conversation_terms(
    spans: Sequence[Duration], texts: Sequence[str]
) -> list[tuple[str, Any]]:
    """Answer terms with one field wrong: one of these spans, the first two of which are short."""
    timeouts = (*spans, Duration(seconds=59, nanos=999_999_999), Duration(seconds=86_401))
    wrong: list[tuple[str, Any]] = [
        *[("pricing", bad) for bad in (4, -1)],
        *[("inactivity_timeout", bad) for bad in timeouts],
        *[("reopen_within", bad) for bad in (*spans[2:], Duration(seconds=86_401))],
        *[(name, bad) for name in ("conversation_meter", "message_meter") for bad in texts],
    ]
    return [(name, good_conversation_terms(**{name: bad})) for name, bad in wrong]
