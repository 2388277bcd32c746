"""Writes events for those who receive them: as JSON for programs, as mail for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from creditgate_server.domain.deliveries import Task
from creditgate_server.domain.events import EventKind

_MICROS = 1_000_000

_SUBJECTS: Mapping[int, tuple[str, str]] = {
    EventKind.BALANCE_LOW: (
        "Credits are low",
        "The balance has fallen to a threshold that was set.",
    ),
    EventKind.CREDITS_EXHAUSTED: (
        "Credits are used up",
        "Nothing is left to spend. New work is refused until credits come.",
    ),
    EventKind.CREDITS_RESUMED: (
        "Credits are there again",
        "There is something to spend again, and new work is accepted.",
    ),
    EventKind.OVERDRAFT_ENTERED: (
        "The overdraft is in use",
        "The balance has fallen below zero.",
    ),
    EventKind.CYCLE_RESET: (
        "A new cycle has begun",
        "The credits of the plan have come for the next cycle.",
    ),
    EventKind.GRANT_EXPIRING: (
        "Credits end soon",
        "What is left of a grant ends at the time below.",
    ),
    EventKind.TOPUP_REQUESTED: (
        "A top-up is asked for",
        "The balance is so low that more credits are to be bought.",
    ),
    EventKind.TOPUP_REFUSED: (
        "A top-up was refused",
        "The credits that were asked for have not been paid.",
    ),
    EventKind.TOPUP_COMPLETED: (
        "Credits were topped up",
        "The credits that were asked for have come.",
    ),
    EventKind.HOLD_LATE: (
        "Usage came late",
        "Usage was reported after its hold had expired.",
    ),
}
_OTHERS = ("News of credits", "Something has happened to the account.")


def event_type(kind: int) -> str:
    """Answer an event's kind as receivers read it, such as `balance.low`."""
    try:
        return EventKind(kind).type
    except ValueError:
        return f"event.{kind}"


def as_json(task: Task) -> bytes:
    """Write an event as the body of a webhook. Amounts are strings: they may have 19 digits."""
    available = task.settled_micros + task.overdraft_limit_micros - task.held_micros
    data: dict[str, Any] = {
        "event_id": task.event_id,
        "account_id": task.account_id,
        "number": task.event_no,
        "version": task.version,
        "balance": {
            "settled_micros": str(task.settled_micros),
            "held_micros": str(task.held_micros),
            "available_micros": str(available),
            "overdraft_limit_micros": str(task.overdraft_limit_micros),
        },
        "details": {
            key: _plain(key, value) for key, value in json.loads(task.body or "{}").items()
        },
    }
    written = {
        "type": event_type(task.event_kind), "timestamp": _moment(task.created_at), "data": data
    }  # fmt: skip
    return json.dumps(written, separators=(",", ":"), ensure_ascii=False).encode()


def as_mail(task: Task, *, sender: str) -> EmailMessage:
    """Write an event as plain text. The same event is the same message, however often it comes."""
    subject, sentence = _SUBJECTS.get(task.event_kind, _OTHERS)
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = task.address
    message["Subject"] = f"{subject}: {task.account_id}"
    message["Date"] = task.created_at
    message["Message-ID"] = f"<{task.message_id}.{task.endpoint_mark}@{_domain(sender)}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join([sentence, "", *_lines(task)]) + "\n")
    return message


def _lines(task: Task) -> Iterator[str]:
    available = task.settled_micros + task.overdraft_limit_micros - task.held_micros
    yield f"account: {task.account_id}"
    yield f"credits: {_credits(task.settled_micros)}"
    if task.held_micros:
        yield f"held for work under way: {_credits(task.held_micros)}"
    if available != task.settled_micros:
        yield f"available: {_credits(available)}"
    for key, value in json.loads(task.body or "{}").items():
        if value not in (None, ""):
            yield _fact(key, value)
    yield f"time: {_moment(task.created_at)}"
    yield f"event: {event_type(task.event_kind)} {task.event_id}"


def _fact(key: str, value: object) -> str:
    name = key.removesuffix("_micros").replace("_", " ")
    if key.endswith("_micros") and isinstance(value, int):
        return f"{name}: {_credits(value)}"
    return f"{name}: {' '.join(str(value).split())}"


def _credits(micros: int) -> str:
    return f"{(Decimal(micros) / _MICROS).normalize():f}"


def _plain(key: str, value: object) -> object:
    return str(value) if key.endswith("_micros") and isinstance(value, int) else value


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _domain(address: str) -> str:
    return address.rpartition("@")[2].rstrip(">")
