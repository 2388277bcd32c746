"""What users do in a chat: conversations in bursts, drawn beforehand, message by message."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from random import Random
from typing import NamedTuple

from bench.life.book import Quantities
from bench.life.story import Story

OUTPUT, TOOLS = "tokens.output", ("tools.call", "")
_IDLE_MEAN = 60.0
_THINK_MEAN = 6.0
_TOKENS_PER_SECOND = 60
_MESSAGES_MAX = 12
_POOR_SHARE = 0.1


class Fate(Enum):
    """How a reply ends."""

    ANSWERED = "answered"
    CANCELLED = "cancelled before a word"
    STOPPED = "stopped half-way"
    FORGOTTEN = "agent crashed"


class Quirk(Enum):
    """What else happens to the request that holds credits for a reply."""

    NONE = ""
    LOST = "given up and asked again"
    HEDGED = "asked twice at once"
    REUSED = "name used for something else"
    OVERTAKEN = "cancelled before it was asked"


class Message(NamedTuple):
    """One reply. `at` is when it is asked for; it takes `seconds`.

    `estimate` is the tokens held for it at first, `used` what it comes to, more than the estimate
    where the estimate was bad; `half` is what was used when a long reply, or one that is stopped,
    tells. `more` is what else it uses, beside those tokens: it is known when the reply begins, but
    for the tools that are called at its end.
    """

    hold_id: str
    at: float
    model: str
    estimate: int
    used: int
    half: int
    seconds: float
    fate: Fate
    quirk: Quirk
    commits: int
    more: Quantities
    whole: bool = False

    @property
    def asked(self) -> Quantities:
        """What is held for it."""
        return {**self._output(self.estimate), **self.more}

    def told(self, output: int) -> Quantities:
        """What it has used by the time it is half written."""
        return {**self._output(output), **self.more, **({TOOLS: 0} if self.more else {})}

    def spent(self, output: int) -> Quantities:
        """What it comes to with so many tokens of output."""
        return self.told(output) if self.fate is Fate.STOPPED else self._all(output)

    @property
    def charged(self) -> Quantities:
        """What it is charged for where there are credits enough."""
        if self.quirk is Quirk.OVERTAKEN or self.fate is Fate.CANCELLED:
            return {}
        if self.fate is Fate.FORGOTTEN:
            return self.told(self.half) if self.long else {}
        return self.spent(self.half if self.fate is Fate.STOPPED else self.used)

    def _all(self, output: int) -> Quantities:
        return {**self._output(output), **self.more}

    def _output(self, tokens: int) -> Quantities:
        return {(OUTPUT, self.model): tokens}

    @property
    def long(self) -> bool:
        """Whether the agent reports while it still writes."""
        return self.used > _LONG_TOKENS and not self.whole


_LONG_TOKENS = 700


class Conversation(NamedTuple):
    """Messages of one user with one agent, one after the other.

    With a `type` it is one session of the account's plan, charged once. `closes` says that it is
    ended in the end.
    """

    conversation_id: str
    account_id: str
    messages: tuple[Message, ...]
    type: str
    closes: bool

    @property
    def session(self) -> tuple[str, Quantities] | None:
        """How the names of its holds begin, and what it costs."""
        if not self.type:
            return None
        return f"{self.conversation_id}#1#", {("chat.conversation", self.type): 1}


def conversations(story: Story, number: int) -> Iterator[Conversation]:
    """What one user does up to the end of the story."""
    draw = Random(f"{story.seed}-{number}")
    account_id = _account(story, draw)
    at, each = draw.uniform(0, _IDLE_MEAN), 0
    while at < story.ends_at:
        name = f"chat-{number}-{each}"
        kind = draw.choice(("support", "sales")) if has_sessions(account_id) else ""
        messages = tuple(_messages(story, draw, name, at, whole=bool(kind)))
        yield Conversation(name, account_id, messages, kind, draw.random() < 0.5)
        last = messages[-1]
        at = last.at + last.seconds + draw.expovariate(1 / _IDLE_MEAN)
        each += 1


def _account(story: Story, draw: Random) -> str:
    poor = story.poor and draw.random() < _POOR_SHARE
    return story.account(story.rich + draw.randrange(story.poor) if poor
                         else draw.randrange(story.rich))  # fmt: skip


def has_sessions(account_id: str) -> bool:
    """Whether an account's plan charges conversations, too."""
    kind, number = account_id.split("-")
    return kind == "rich" and not int(number) % 3


def _messages(
    story: Story, draw: Random, name: str, at: float, *, whole: bool
) -> Iterator[Message]:
    """A burst: few conversations are long, and all end with the story."""
    length = min(int(draw.expovariate(1 / 3)) + 1, _MESSAGES_MAX)
    for place in range(length):
        if place and at >= story.ends_at:
            return
        message = _message(draw, f"{name}/{place}", at)
        if whole:
            # Of one meter, and told of at its end alone.
            message = message._replace(more={}, whole=True)
        yield message
        at += message.seconds + draw.expovariate(1 / _THINK_MEAN)


def _message(draw: Random, hold_id: str, at: float) -> Message:
    estimate = draw.choice((256, 512, 1_024, 2_048))
    used = max(int(estimate * draw.betavariate(2, 3)), 1)
    if draw.random() < 0.04:
        used = estimate + draw.randrange(1, 200)
    (fate,) = draw.choices(list(Fate), (84, 7, 7, 2))
    (quirk,) = draw.choices(list(Quirk), (84, 8, 4, 2, 2))
    model = draw.choice(("small", "large"))
    more = {
        ("tokens.input", model): draw.randrange(50, 8_000),
        ("tokens.cached", model): draw.randrange(4_000),
        TOOLS: draw.randrange(4),
    }
    return Message(
        hold_id, at, model, estimate, used, used // 2 + 1, used / _TOKENS_PER_SECOND, fate, quirk,
        2 if draw.random() < 0.05 else 1, more if draw.random() < 0.5 else {},
    )  # fmt: skip
