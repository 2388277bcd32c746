"""Conversations: what their sessions came to, and the latest of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from creditgate_server.domain.conversations import Ending, Session
from creditgate_server.domain.summaries import ConversationTotals

from .amounts import Amount, amount
from .clock import Clock, Moment, length
from .pace import Stat

_ENDINGS = {
    Ending.CLOSED: "closed",
    Ending.INACTIVITY: "fell silent",
    Ending.HANDED_OFF: "handed to a human",
    Ending.ABANDONED: "abandoned",
}


class Talk(NamedTuple):
    """One session of a conversation."""

    conversation_id: str
    session: int
    type: str
    at: Moment
    length: str
    messages: int
    charged: Amount
    state: str
    open: bool


def totals(of: ConversationTotals) -> list[Stat]:
    """Show what the conversations of a period came to."""
    each = of.messages * 10 // of.sessions if of.sessions else 0
    average = of.seconds // of.sessions if of.sessions else 0
    return [
        Stat("Conversations", "sessions", None, f"{of.sessions:,}", "started in this period"),
        Stat("Messages", "messages", None, f"{of.messages:,}", f"{each // 10}.{each % 10} in each"),
        Stat("Average length", "length", None, length(average), "from start to end"),
        Stat("A message", "per-message", amount(of.per_message_micros), "", "would cost as much"),
    ]


def talks(sessions: Sequence[Session], clock: Clock) -> list[Talk]:
    """Show sessions in their order."""
    return [_talk(each, clock, as_of=clock.now) for each in sessions]


def _talk(of: Session, clock: Clock, *, as_of: datetime) -> Talk:
    ending = of.ending(as_of)
    return Talk(
        conversation_id=of.conversation_id,
        session=of.session,
        type=of.type,
        at=clock.moment(of.started_at),
        length=length(int(of.duration(as_of).total_seconds())),
        messages=of.messages,
        charged=amount(of.charged_micros),
        state=_ENDINGS[ending] if ending else "open",
        open=ending is None,
    )
