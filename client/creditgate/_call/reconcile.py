"""What a gateway that comes back does with the calls of its earlier starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from creditgate._call.journal import Entry
from creditgate._types.hold import Hold
from creditgate.v1 import authorization_service_pb2 as messages

CAUSE = "gateway-restart"


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """What became of calls that earlier starts of a gateway left open.

    `charged` were ended with what the journal knew, `released` with what had been reported, and
    `waiting`, as (account_id, hold_id), could not be ended yet; the journal goes on trying.
    """

    charged: tuple[Hold, ...]
    released: tuple[Hold, ...]
    waiting: tuple[tuple[str, str], ...]


def closings(holds: Iterable[Hold], left: Mapping[tuple[str, str], Entry]) -> list[Entry]:
    """What ends open holds, and charges calls whose holds have ended meanwhile."""
    entries = {name: replace(entry, is_final=True) for name, entry in left.items()}
    for hold in holds:
        commit = messages.CommitRequest(
            account_id=hold.account_id, hold_id=hold.hold_id, termination_cause=CAUSE
        )
        entries.setdefault((hold.account_id, hold.hold_id), Entry(commit=commit, is_final=True))
    return list(entries.values())


def conclude(ended: Iterable[tuple[Entry, Hold | None]]) -> Reconciliation:
    """What became of each; None is what could not be ended yet."""
    known = list(ended)
    return Reconciliation(
        charged=tuple(h for e, h in known if h is not None and e.commit.used_quantity),
        released=tuple(h for e, h in known if h is not None and not e.commit.used_quantity),
        waiting=tuple(e.name for e, h in known if h is None),
    )
