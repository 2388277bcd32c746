"""What plans say about conversations; written from the design alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ConversationTerms:
    """What conversations cost and when they end."""

    pricing: str = "MESSAGE"
    timeout_ms: int = 30 * 60 * 1000
    reopen_ms: int = 0
    meter: str = "chat.conversation"
    message_meter: str = "chat.message"


USUAL_CONVERSATIONS = ConversationTerms()
