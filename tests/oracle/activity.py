"""What an activity log must say, told from the oracle's account alone.

The oracle keeps no entries. It knows what each hold was charged and given back, what each grant
brought, what lapsed or was taken back, and what settled was after each change. Written from the
manual of `Activity`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tests.oracle.account import Account, Hold
from tests.oracle.answers import Pairs

Usages = tuple[tuple[str, str, int], ...]


class Work(NamedTuple):
    """What an entry says of the work its hold was for."""

    type: str
    meter: str = ""
    model: str = ""
    quantity: int = 0
    attributes: Pairs = ()
    labels: Pairs = ()
    usages: Usages = ()


class Row(NamedTuple):
    """An entry of an activity log."""

    version: int
    line: int
    created_at: int
    kind: str
    amount: int
    settled: int
    hold_id: str
    name: str
    work: Work


def work_of(hold: Hold, kind: str) -> Work:
    """What the entries of a hold say of its work."""
    usages: Usages = ()
    meter = priced = asked = ""
    quantity = 0
    if hold.rate is not None:
        meter, priced, quantity = hold.rate.meter, hold.rate.model, hold.used_quantity
    elif hold.lines:
        usages = tuple((each.rate.meter, each.model, each.used_quantity) for each in hold.lines)
        (meter, asked, quantity), priced = usages[0], hold.lines[0].rate.model
    model = dict(hold.attributes).get("model") or asked or priced.replace("*", "")
    first = meter.split(".")[0]
    type_ = "call" if hold.call is not None or first == "voice" else first or kind.lower()
    return Work(type_, meter, model, quantity, hold.attributes, hold.labels, usages)


def totals(account: Account) -> Mapping[tuple[str, str], int]:
    """What the amounts come to of each hold that was charged or refunded, and of each grant."""
    found = Counter[tuple[str, str]]()
    for hold in account.holds.values():
        found["CHARGE", hold.hold_id] -= hold.charged
        found["REFUND", hold.hold_id] += hold.refunded
    for grant in account.grants.values():
        if grant.begun:
            found["GRANT", grant.view.grant_id] += grant.view.amount
    found["LAPSED", ""] -= account.lapsed
    return {name: amount for name, amount in found.items() if amount}


def totals_of(rows: Iterable[Row]) -> Mapping[tuple[str, str], int]:
    """The same of the rows of a log."""
    found = Counter[tuple[str, str]]()
    for row in rows:
        if row.kind in {"EXPIRY", "REVOCATION"}:
            found["LAPSED", ""] += row.amount
        else:
            found[row.kind, row.hold_id or row.name] += row.amount
    return {name: amount for name, amount in found.items() if amount}


def balances(written: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """When settled was another than before, and what; of changes at one instant the last counts."""
    last = dict(written)
    known, found = 0, []
    for at, settled in last.items():
        if settled != known:
            found.append((at, settled))
        known = settled
    return found


def allowed(
    row: Row, *, kinds: Iterable[str], type_: str, meter: str, attributes: Pairs, labels: Pairs
) -> bool:
    """Whether a filter allows a row; what is empty allows all."""
    meters = {row.work.meter, *(usage[0] for usage in row.work.usages)}
    has = {**dict(row.work.attributes), "model": row.work.model}
    return (
        (not kinds or row.kind in kinds)
        and (not type_ or (row.work.meter != "" and row.work.type == type_))
        and (not meter or meter in meters)
        and all(has.get(name) == text for name, text in attributes)
        and set(labels) <= set(row.work.labels)
    )
