"""How the command line shows answers: as JSON for programs, as lines for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from creditgate._amount import to_credits
from creditgate._types import Account, Balance, Grant, Hold


def to_json(answer: Any) -> str:
    """An answer as JSON: each amount as a string of credits and as an integer of micro-credits."""
    return json.dumps(plain(answer), indent=2)


def plain(value: Any) -> Any:
    """A value in the terms of JSON."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain_fields(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def _plain_fields(value: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for each in fields(value):
        content = getattr(value, each.name)
        if each.name.endswith("_micros"):
            shown[each.name.removesuffix("_micros")] = str(to_credits(content))
        shown[each.name] = plain(content)
    return shown


def balance_line(balance: Balance) -> str:
    """A balance in one line."""
    line = f"available {balance.available}  settled {balance.settled}  held {balance.held}"
    if balance.overdraft_limit_micros:
        line += f"  overdraft {balance.overdraft_limit}"
    return line


def hold_line(hold: Hold) -> str:
    """A hold in one line."""
    parts = [f"hold {hold.hold_id}", hold.state.value.lower(), f"granted {hold.granted}"]
    if hold.settled_at is None:
        parts += [f"held {hold.held}", f"used {hold.used}", f"until {_clock(hold.expires_at)}"]
    else:
        parts += [f"charged {hold.charged}"]
    parts += [f"uncollected {hold.uncollected}"] if hold.uncollected_micros else []
    parts += [f"refunded {hold.refunded}"] if hold.refunded_micros else []
    parts += ["late"] if hold.late else []
    return "  ".join(parts)


def grant_line(grant: Grant) -> str:
    """A grant in one line."""
    parts = [
        f"grant {grant.grant_id}",
        f"{grant.kind.value.lower()}, {grant.state.value.lower()}",
        f"remaining {grant.remaining} of {grant.amount}",
    ]
    parts += [f"expires {_clock(grant.expires_at)}"] if grant.expires_at else []
    return "  ".join(parts)


def account_line(account: Account) -> str:
    """An account in one line."""
    status = account.status.value.lower()
    return f"account {account.account_id}  {status}  {balance_line(account.balance)}"


def _clock(instant: datetime) -> str:
    return instant.astimezone().strftime("%Y-%m-%d %H:%M:%S")
