"""What is asked about the usage of any history is answered as the oracle adds it up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from creditgate.v1 import usage_service_pb2 as messages
from creditgate_server.domain.account_keys import account_key
from tests.contract.usage_words import usage_request
from tests.contract.wire import to_answer
from tests.oracle.answers import UsageRowView
from tests.property.history import Staged
from tests.property.operations import SECOND
from tests.property.seeds import named, seeds
from tests.property.test_activity import DAY, Walk
from tests.property.test_fake_walks import FakeStage, fake_stage
from tests.support.stage import Stage

__all__ = ["fake_stage"]

MINUTE, HOUR = 60 * SECOND, 3_600 * SECOND
# Zones, and an hour or two before their clocks are changed, or before a month or a leap day ends.
PLACES = (
    ("Asia/Kathmandu", "2031-02-28T16:00"),
    ("Australia/Lord_Howe", "2030-04-06T13:00"),
    ("Australia/Lord_Howe", "2030-10-05T13:00"),
    ("America/New_York", "2030-11-03T04:00"),
    ("America/New_York", "2030-03-10T05:00"),
    ("America/Havana", "2030-11-03T03:00"),
    ("Africa/Cairo", "2030-04-25T20:00"),
    ("America/Santiago", "2030-09-08T02:00"),
    ("Pacific/Chatham", "2030-09-28T12:00"),
    ("UTC", "2032-02-28T22:00"),
)
PAUSES = (1, SECOND, 7 * MINUTE, 15 * MINUTE, 29 * MINUTE, HOUR, 5 * HOUR, DAY)
UNITS = ("", "HOUR", "HOUR", "DAY", "DAY", "MONTH")
WORDS = ("TYPE", "METER", "MODEL")
NAMED = ("AGENT", "USER", "TOPIC", "CONVERSATION", "LABEL")
VALUES = {
    "TYPE": ("chat", "call", "tool", "tokens", "none"),
    "METER": ("chat.message", "tokens.output", "tool", "voice.call", "none"),
    "MODEL": ("large", "small", "search"),
    "AGENT": ("ann", "bob"),
    "USER": ("u", "v"),
    "TOPIC": ("t",),
    "CONVERSATION": ("c", "d"),
    "LABEL": ("red", "blue"),
}
BOUNDS = ((), (1,), (10, 60), (1, 2, 45, 3_600))
MEASURES = ("SESSION_SECONDS", "SESSION_MESSAGES", "CALL_SECONDS")


_ROLL_UP = "SELECT creditgate.roll_up($1, $2, $3)"


class Reporter(Walk):
    """Chance for an account near an edge of its time zone, and for questions about it."""

    def __init__(self, stage: Staged, seed: int) -> None:
        super().__init__(stage, seed)
        self._stage = stage
        self._zone, begins = self._chance.choice(PLACES)
        self._begins = round(datetime.fromisoformat(begins).replace(tzinfo=UTC).timestamp())

    def open(self) -> None:
        away = self._begins * SECOND - self._history._now
        self._history.wait(lambda instants: instants[0] - 1 + away)
        super().open()
        self._ask("update_account", time_zone=self._zone)

    def step(self) -> None:
        if self._chance.random() < 0.3:
            pause = self._chance.choice(PAUSES)
            self._history.wait(lambda instants: instants[0] + pause)
            if pause > SECOND:  # cycles that nobody sees may be passed over
                self._history.sweep()
        elif self._chance.random() < 0.25:
            self._talk()
        elif self._chance.random() < 0.2:
            self._roll_up()
        else:
            super().step()

    def _roll_up(self) -> None:
        """Let the server, where there is one, sum up some of what has happened."""
        if isinstance(self._stage, Stage):
            key = account_key(self._stage.tenant_id, self.account.account_id)
            limit = self._chance.choice((3, 20, 1000))
            self._stage.run(self._stage.connection.fetchval(_ROLL_UP, *key, limit))

    def _ask(self, verb: str, **arguments: Any) -> None:
        """Ask for what callers can name: the holds of conversations only in refunds."""
        if verb == "refund" or "#" not in arguments.get("hold_id", ""):
            super()._ask(verb, **arguments)

    def _described(self) -> dict[str, Any]:
        given, pick = super()._described(), self._chance.choice
        more = {
            "user": pick("uv"),
            "topic": pick(("t", "")),
            "conversation_id": pick(("c", "d", "")),
        }
        more = {name: text for name, text in more.items() if text and self._chance.random() < 0.6}
        pairs = tuple(sorted({**dict(given.get("attributes", ())), **more}.items()))
        return given | ({"attributes": pairs} if pairs else {})

    def _talk(self) -> None:
        about = {"conversation_id": self._chance.choice("cd")}
        said = about | {"message_id": f"m{self._chance.randrange(12)}"}
        verb = self._chance.choice(("reserve", "reserve", "commit", "commit", "release"))
        more: dict[str, Any] = {"usage": ("", "", 1)} if verb == "reserve" else {}
        self._ask(f"{verb}_message", **said, **more)
        if self._chance.random() < 0.2:
            self._ask("close_conversation", **about)

    def question(self) -> None:
        """Ask anything, and compare the answers."""
        pick = self._chance.choice
        by = self._chance.sample(WORDS, self._chance.randrange(3))
        named = pick(NAMED) if self._chance.random() < 0.6 else ""
        keep = [word for word in WORDS if self._chance.random() < 0.15]
        if named and self._chance.random() < 0.3:
            keep.append(named)
        if named and (named not in keep or self._chance.random() < 0.5):
            by.append(named)
        asked: dict[str, Any] = self._range() | {
            "unit": pick(UNITS),
            "by": tuple(by),
            "keep": tuple((name, pick(VALUES[name])) for name in keep),
            "label_key": "team" if "LABEL" in (*by, *keep) else "",
            "dearest": self._chance.random() < 0.3,
            "page_size": 1000,
        }
        self._ask("query_usage", **asked)
        rows = self._rows(asked)
        small = pick((1, 2, 7))
        assert self._pages(asked | {"page_size": small}, small) == rows, asked

    def spread(self) -> None:
        """Ask for a distribution, and compare the answers."""
        pick = self._chance.choice
        more = {"measure": pick(MEASURES), "bounds": pick(BOUNDS)}
        self._ask("get_distribution", **self._range(), **more)

    def adds_up(self) -> None:
        """What is consumed is what the holds were charged and not given back, however grouped."""
        holds = self.account.holds.values()
        consumed = sum(hold.charged - hold.refunded for hold in holds)
        charged = sum(hold.charged > 0 for hold in holds)
        for asked in (
            {"unit": "HOUR"},
            {"by": ("METER", "USER")},
            {"unit": "MONTH", "by": ("MODEL",)},
        ):
            rows = self._rows({**asked, "page_size": 1000})
            assert sum(row.consumed for row in rows) == consumed, asked
            assert sum(row.refunded for row in rows) == sum(hold.refunded for hold in holds)
            assert sum(row.holds for row in rows) == charged, asked

    def _range(self) -> dict[str, Any]:
        """No bounds, or some: at, right after or somewhat after what happened."""
        pick = self._chance.choice
        bills = self._history._oracle.model.books[self.account.account_id].bills
        times = [bill.at for bill in bills] or [self._history._now]
        edges = [at + off for at in times for off in (0, 0, 1, -7 * MINUTE, HOUR)]
        start, until = (pick(edges) if self._chance.random() < 0.4 else None for _ in range(2))
        if start is None and self._chance.random() < 0.3:
            return {"last_ms": pick((1, 3_600_000, 86_400_000, 40 * 86_400_000))}
        if start is not None and until is not None and until <= start:
            until = None
        given = {"start": start, "until": until}
        return {name: at for name, at in given.items() if at is not None}

    def _rows(self, asked: dict[str, Any]) -> tuple[UsageRowView, ...]:
        model = self._history._oracle.model
        return model.query_usage(self._history._now, self.account.account_id, **asked).rows

    def _pages(self, asked: dict[str, Any], size: int) -> tuple[UsageRowView, ...]:
        request: Any = usage_request("query_usage", self.account.account_id, asked)
        found: list[UsageRowView] = []
        while True:
            answer: messages.QueryUsageResponse = self._stage.run(
                self._stage.driver._call("QueryUsage", request)  # type: ignore[attr-defined]
            )
            assert len(answer.rows) == size or not answer.next_page_token
            found += to_answer(answer).rows
            request.page_token = answer.next_page_token
            if not request.page_token:
                return tuple(found)


def run_walks(stage: Staged, *, walks: int, steps: int, anywhere: bool = False) -> None:
    for seed in seeds(walks, anywhere=anywhere):
        with named(seed, steps):
            walk_once(stage, seed, steps)


def walk_once(stage: Staged, seed: int, steps: int) -> None:
    walk = Reporter(stage, seed)
    walk.open()
    for _ in range(steps):
        walk.step()
    walk.adds_up()
    for _ in range(12):
        walk.question()
    for _ in range(6):
        walk.spread()


def test_usage_is_what_the_oracle_adds_up(stage: Stage) -> None:
    run_walks(stage, walks=4, steps=60)


def test_usage_of_the_fake_is_what_the_oracle_adds_up(fake_stage: FakeStage) -> None:
    run_walks(fake_stage, walks=4, steps=60)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_much_usage(stage: Stage) -> None:
    run_walks(stage, walks=150, steps=100, anywhere=True)
