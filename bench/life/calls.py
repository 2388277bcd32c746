"""A gateway's calls: what each of them does is drawn beforehand, so what it must cost is known."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from random import Random
from typing import NamedTuple

from bench.life.book import COMMITTED, EXPIRED, RELEASED
from bench.life.story import Story

METER = "voice.call"
RENEW = 30
"""Seconds between renewals."""
SLICE = 60
"""Seconds that are held beyond what was used."""
LONGEST = 480
"""The seconds that the plan lets a call have."""
_TALK_MEAN, _TALK_MAX = 150.0, 1_800
_GAP_MEAN = 2.0
# They do not all hang up at once when the story ends.
_LEAVING = 6.0
_POOR_SHARE = 0.1
_CRASHING = 20


def crashes(number: int) -> bool:
    """Whether a line belongs to the gateway that crashes."""
    return not number % _CRASHING


class Call(NamedTuple):
    """One call. All times but `begins` are whole seconds from its beginning.

    `answered` is None where nobody answers. `lost` says that the gateway knows nothing of it from
    its end on: it has crashed, or forgotten it. `pauses` are from when to when nothing is counted.
    `state` is how its hold must end where it is not cut: COMMITTED by hanging up, RELEASED
    unanswered, or by a gateway that has come back after a crash, EXPIRED where it is forgotten.
    `twice` are the renewals that are asked twice at once, `late` those that arrive once more after
    the next one. `into` is the leg that it is transferred to when it ends.
    """

    hold_id: str
    account_id: str
    begins: float
    answered: int | None
    ends: int
    pauses: tuple[tuple[int, int], ...]
    state: str
    lost: bool
    twice: frozenset[int]
    late: frozenset[int]
    into: Call | None = None

    def used(self, at: int) -> int:
        """The seconds that count up to a time."""
        if self.answered is None or at <= self.answered:
            return 0
        paused = sum(max(min(at, until) - since, 0) for since, until in self.pauses)
        return at - self.answered - paused

    def when(self, used: int) -> int:
        """The time at which so many seconds are used."""
        assert self.answered is not None, "only what was answered is used"
        at = self.answered + used
        for since, until in self.pauses:
            at += until - since if since < at else 0
        return at

    @property
    def legs(self) -> tuple[Call, ...]:
        """It, and what it is transferred to."""
        return (self, *(self.into.legs if self.into else ()))

    @property
    def outcome(self) -> tuple[str, int]:
        """How its hold ends, and the seconds it is charged for, where credits do not run out.

        What is longer than the plan has it is cut; what is lost has told of its last renewal.
        """
        if self.is_cut:
            return COMMITTED, LONGEST
        told = (self.ends - 1) // RENEW * RENEW if self.lost else self.ends
        return self.state, self.used(told)

    @property
    def is_cut(self) -> bool:
        """Whether it is longer than the plan has it."""
        return self.answered is not None and self.when(LONGEST) < self.ends


def precedes_crash(story: Story, begins: float) -> bool:
    """Whether a call of that gateway is in it; what begins in its last second is of the next."""
    return story.crash_at > 0 and begins < story.crash_at - 1


def line(story: Story, number: int) -> Iterator[Call]:
    """The calls of one of a gateway's lines, one after the other; the last ends with the story."""
    draw = Random(f"{story.seed}-{number}")
    begins, until = draw.uniform(0, RENEW), story.ends_at + draw.uniform(0, _LEAVING)
    for each in count():
        if begins >= story.ends_at - 1:
            return
        call = _within(_call(story, draw, f"call-{number}-{each}", begins), until)
        if crashes(number):
            # Those of the gateway that crashes are lost by that alone.
            call = kept(call)
        if draw.random() < 0.05 and call.state == COMMITTED and not call.is_cut:
            call = _transferred(draw, call, until)
        if crashes(number) and precedes_crash(story, begins):
            call = _crashed(call, story.crash_at)
        yield call
        begins += sum(leg.ends for leg in call.legs) + draw.expovariate(1 / _GAP_MEAN)


def _call(story: Story, draw: Random, hold_id: str, begins: float) -> Call:
    ring = draw.randrange(1, 20)
    answered = draw.random() >= 0.08
    talk = _talk(draw)
    pauses = _pauses(draw, ring, talk) if answered else ()
    ends = ring + talk + sum(until - since for since, until in pauses) if answered else ring
    lost = answered and draw.random() < 0.01
    return Call(
        hold_id, _account(story, draw), begins, ring if answered else None, ends, pauses,
        EXPIRED if lost else COMMITTED if answered else RELEASED, lost, *_repeats(draw, ends),
    )  # fmt: skip


def _talk(draw: Random) -> int:
    return min(int(draw.expovariate(1 / _TALK_MEAN)) + 1, _TALK_MAX)


def _repeats(draw: Random, ends: int) -> tuple[frozenset[int], frozenset[int]]:
    renewals = range(RENEW, ends, RENEW)
    twice = frozenset(at for at in renewals if draw.random() < 0.02)
    return twice, frozenset(at for at in renewals if draw.random() < 0.01)


def _transferred(draw: Random, call: Call, until: float) -> Call:
    """The same call, and a leg that goes on where it ends, if there is time for it."""
    begins, talk = call.begins + call.ends, _talk(draw)
    twice, late = _repeats(draw, talk)
    if begins >= until - 1:
        return call
    leg = Call(
        f"{call.hold_id}/2", call.account_id, begins, 0, talk, (), COMMITTED,
        lost=False, twice=twice, late=late,
    )  # fmt: skip
    return call._replace(into=_within(leg, until))


def _within(call: Call, until: float) -> Call:
    """The same call; who is still talking hangs up when there is no more time."""
    left = int(until - call.begins)
    return _ended(call, left) if call.ends > left else call


def _account(story: Story, draw: Random) -> str:
    poor = story.poor and draw.random() < _POOR_SHARE
    return story.account(story.rich + draw.randrange(story.poor) if poor
                         else draw.randrange(story.rich))  # fmt: skip


def _pauses(draw: Random, ring: int, talk: int) -> tuple[tuple[int, int], ...]:
    """Up to two pauses that begin while there is still something to say."""
    found: list[tuple[int, int]] = []
    at = ring
    for _ in range(2):
        if draw.random() < 0.15:
            said = draw.randrange(1, 60)
            if at - ring - sum(until - since for since, until in found) + said >= talk:
                break
            since = at + said
            at = since + draw.randrange(1, 60)
            found.append((since, at))
    return tuple(found)


def _ended(call: Call, ends: int) -> Call:
    """The same call, ended before: by hanging up, or given up unanswered."""
    answered = call.answered if call.answered is not None and call.answered < ends else None
    return call._replace(
        ends=ends, into=None, answered=answered, state=RELEASED if answered is None else call.state,
        lost=call.lost and answered is not None,
        pauses=tuple((since, min(until, ends)) for since, until in call.pauses if since < ends),
    )  # fmt: skip


def _crashed(call: Call, at: float) -> Call:
    """The same call, lost at a time it is in: the gateway releases it when it has come back."""
    ends = int(at - call.begins)
    if call.ends > ends:
        return _ended(call, ends)._replace(state=RELEASED, lost=True)
    # A leg that begins as it all ends is not begun any more.
    late = call.into is not None and call.ends >= ends
    return call._replace(into=_crashed(call.into, at) if call.into and not late else None)


def kept(call: Call) -> Call:
    """The same call, not forgotten by its gateway."""
    return call._replace(lost=False, state=COMMITTED) if call.lost else call
