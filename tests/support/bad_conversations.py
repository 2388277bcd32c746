"""Terms of conversations and calls with one field wrong, and that field."""

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


def bad_call_terms(spans: Sequence[Duration]) -> list[tuple[str, dict[str, Any]]]:
    """Answer terms of calls with one field wrong: one of these spans, the first two short."""
    whole = (*spans[2:], Duration(seconds=1, nanos=1))
    return [
        *[(name, {name: bad}) for name in ("max_duration", "offline_allowance") for bad in whole],
        *[("renew_before", {"renew_before": bad}) for bad in spans],
        *[("warn_before", {"warn_before": bad}) for bad in spans[2:]],
        *[("final_action", {"final_action": bad}) for bad in (4, -1)],
        ("on_reserve_failure", {"on_reserve_failure": 4}),
        ("on_extend_failure", {"on_extend_failure": -1}),
        *[
            ("redirect_target", {"final_action": 2, "redirect_target": bad})
            for bad in ("", "a" * 257, "a\0b")
        ],
        ("redirect_target", {"redirect_target": "desk"}),
    ]
