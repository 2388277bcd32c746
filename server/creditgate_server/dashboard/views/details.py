"""What work was said to be for, read out of the JSON text that is kept with it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Details(NamedTuple):
    """The attributes of a piece of work, empty where it has none, and its labels."""

    agent: str = ""
    model: str = ""
    conversation_id: str = ""
    call_id: str = ""
    user: str = ""
    topic: str = ""
    labels: tuple[tuple[str, str], ...] = ()


def details(text: str | None) -> Details:
    """Read details; what is not there is empty."""
    if not text:
        return Details()
    read: dict[str, Any] = json.loads(text)
    attributes: dict[str, str] = read.get("attributes") or {}
    known = {name: attributes.get(name, "") for name in Details._fields[:-1]}
    return Details(**known, labels=tuple(sorted((read.get("labels") or {}).items())))
