"""What a story must come to, computed from its seed alone, without anything a server says."""

from __future__ import annotations

from collections.abc import Iterator

from bench.life import calls, messages
from bench.life.book import COMMITTED, EXPIRED, RELEASED, SESSION, Work
from bench.life.messages import Conversation, Fate, Message, Quirk
from bench.life.story import Story


def works(story: Story) -> dict[tuple[str, str], Work]:
    """All holds of accounts that never lack credits, with what they use and how they end."""
    found = _messages(story) if story.kind == "chat" else _calls(story)
    return {
        (each.account_id, each.hold_id): each
        for each in found
        if each.account_id.startswith("rich")
    }


def _calls(story: Story) -> list[Work]:
    return [
        Work(each.account_id, each.hold_id, state, {(calls.METER, ""): used})
        for number in range(story.actors)
        for call in calls.line(story, number)
        for each in call.legs
        for state, used in ((calls.kept(each) if story.kind == "clients" else each).outcome,)
    ]


def _messages(story: Story) -> list[Work]:
    return [
        work
        for number in range(story.actors)
        for conversation in messages.conversations(story, number)
        for work in _conversation(conversation)
    ]


def _conversation(of: Conversation) -> Iterator[Work]:
    states = [_state(each) for each in of.messages]
    for message, state in zip(of.messages, states, strict=True):
        if of.session and message.quirk is Quirk.OVERTAKEN:
            # The name of a message that was never held for is remembered without a hold.
            continue
        name = f"{of.conversation_id}##{message.hold_id}" if of.session else message.hold_id
        yield Work(of.account_id, name, state, message.charged)
    if of.session and COMMITTED in states:
        name, costs = of.session
        yield Work(of.account_id, name, SESSION, costs)


def _state(message: Message) -> str:
    if message.quirk is Quirk.OVERTAKEN or message.fate is Fate.CANCELLED:
        return RELEASED
    return EXPIRED if message.fate is Fate.FORGOTTEN else COMMITTED
