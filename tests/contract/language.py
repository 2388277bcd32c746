"""The language of the contract's cases.

A file of cases is a list of stories. A story begins with `# its name` and has one step a line:

    grant gift 10 until 60          an operation: verb, name, arguments
    reserve a 6 = GRANTED           what it must answer, as far as the story cares
    at 61                           what time it is, in seconds from the beginning of the story
    commit a 4 = ACCEPTED late yes charged 4; balance settled 0 version 4; hold EXPIRED
    + release b                     goes into one request with the step before it
    sweep                           lets everything due happen
    plan pro@1 allowance 100 cycle MONTH    writes a version of a plan of the story's own
    update plan pro@1 zone Asia/Tokyo       puts the account on it
    budget b,attribute=agent,spend=5        gives the account a budget of its own
    update alert 50%,10                     gives it thresholds of its own; alerts plan, the plan's
    events after 1 = ACCEPTED told low,exhausted    what happened, by the last words of its kinds
    pack coins@1 amount 50          writes a version of a package; buy g package coins@1 quantity 2
    card std@1 rates voice.call,price=0.1,block=6   writes a rate card; plan pro@1 card std@1
    use a voice.call,,60            reserves for a usage: meter, model, quantity; spend charges it
    stretch a 90 counted 61         extends by quantity, and reports one; count and tally commit
    mix a in,,900+out,large,60      reserves for several usages; spendmix charges them
    stretchmix a out,,90 mixed in,,50    extends so; countmix and tallymix commit
    quote voice.call,,60 pin 30     promises the price for 30 s; quotemix prices several usages
    use b voice.call,,60 replacing a/counted=61/cause=moved    commits a hold, and takes its place
    use a voice.call,,60 pinned 1   is priced as the latest such quote promised, 2 the one before
    say c m type sales costs tokens,,60     a message asks to be answered: conversation, message
    said c m counted 40             it was answered; unsay c m handed yes: it was not; end c; talk c
    summary range 0..60             how an account stands; range .. is all, range last=60 a minute
    talks about c state OPEN        the sessions of conversations, as conversation#session
    usage per DAY by MODEL days 7 dearest yes       what was consumed, a row being
                                    2030-01-01T00:00/large:consumed:refunded:quantity:holds
    spread CALL_SECONDS bounds 30,60                how long calls were, for example
    at 2030-02-28                   instants are also written as dates and times, UTC

Amounts are credits. After `=` come the outcome and fields of the answer; after `;` those of its
balance, hold, grant, add-on, talk, account or summary, of which the first word may be a state.
Every account starts empty, with overage policy CAP; a story that begins with `account` describes
another, and one that begins with `absent` has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.contract.rate_words import quoted, rates, written
from tests.contract.summary_words import sourced
from tests.contract.usage_words import written_row
from tests.contract.vocabulary import (
    ARGUMENTS,
    DEFAULTS,
    EXPECTED,
    OWN_ARGUMENTS,
    SOLD,
    STATES,
    TERMS,
    VERBS,
    instant,
)
from tests.contract.wire import Operation
from tests.oracle.answers import Answer, CounterView
from tests.oracle.packages import Package
from tests.oracle.prices import RateCard
from tests.oracle.subscriber import Plan

Words = list[str]
# Parts of answers that stories call otherwise.
PARTS = {"talk": "conversation", "spread": "distribution"}


@dataclass
class Step:
    """One line of a story."""

    line: int
    text: str
    operation: Operation | None = None
    time: int | None = None
    joins: bool = False
    expected: dict[str, Any] = field(default_factory=dict)


@dataclass
class Story:
    """A named list of steps."""

    name: str
    steps: list[Step]


def read_stories(path: Path) -> list[Story]:
    """Read a file of cases."""
    stories: list[Story] = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if line.startswith("# "):
            stories.append(Story(line.removeprefix("# "), []))
        elif line.strip():
            stories[-1].steps.append(_step(number, line.strip()))
    return stories


def _step(number: int, line: str) -> Step:
    asked, _, expected = line.partition(" = ")
    step = Step(number, line, joins=asked.startswith("+ "), expected=_expectation(expected))
    verb, *words = asked.removeprefix("+ ").split()
    if verb == "at":
        step.time = instant(words[0])
    elif verb not in {"sweep", "absent"}:
        step.operation = _operation(verb, words)
    return step


def _operation(verb: str, words: Words) -> Operation:
    if verb == "pack":
        package_id, _, version = words[0].partition("@")
        sold = Package(package_id, int(version), **_pairs_of(words[1:], SOLD))
        return Operation("put_package", {"package": sold})
    if verb == "plan":
        plan_id, _, version = words[0].partition("@")
        terms = _pairs_of(words[1:], TERMS)
        return Operation("put_plan", {"plan": Plan(plan_id, int(version), **terms)})
    if verb == "card":
        card_id, _, version = words[0].partition("@")
        terms = _pairs_of(words[1:], {"rates": ("rates", rates)})
        return Operation("put_rate_card", {"card": RateCard(card_id, int(version), **terms)})
    name, places = VERBS[verb]
    arguments: dict[str, Any] = dict(DEFAULTS.get(verb, {}))
    for (argument, read), text in zip(places, words, strict=False):
        arguments[argument] = read(text)
    known = OWN_ARGUMENTS.get(verb, ARGUMENTS)
    arguments |= _pairs_of(words[len(places) :], known)
    return Operation(name, arguments)


def _expectation(text: str) -> dict[str, Any]:
    """What an answer must be: `part.field` to value."""
    expected: dict[str, Any] = {}
    for place, section in enumerate(text.split(";") if text else ()):
        part, *words = section.split()
        if place == 0:
            expected["outcome"], part = part, ""
        elif part in STATES and words and words[0].isupper():
            expected[f"{PARTS.get(part, part)}.{STATES[part]}"] = words.pop(0)
        found = _pairs_of(words, EXPECTED[part])
        prefix = f"{PARTS.get(part, part)}." if part else ""
        expected |= {prefix + name: value for name, value in found.items()}
    return expected


def _pairs_of(words: Words, known: dict[str, tuple[str, Callable[[str], Any]]]) -> dict[str, Any]:
    found = {}
    for word, text in zip(words[::2], words[1::2], strict=True):
        name, read = known[word]
        found[name] = read(text)
    return found


def differences(step: Step, answer: Answer) -> Iterator[str]:
    """Where an answer is not what the story says."""
    for path, wanted in step.expected.items():
        got = _look(answer, path)
        if got != wanted:
            yield f"line {step.line}: {step.text}\n    {path} is {got}, not {wanted}"


def _written(counter: CounterView) -> str:
    """A counter as stories write it: `name:value:spent:held:open holds`."""
    amounts = (f"{Decimal(each) / 1_000_000:f}" for each in (counter.spent, counter.held))
    return ":".join((counter.budget_id, counter.value, *amounts, str(counter.open_holds)))


# Lists, whose parts stories write each in a word.
_WRITTEN: dict[str, Callable[[Answer], Iterable[str]]] = {
    "hold.lines": lambda answer: map(written, answer.hold.lines if answer.hold else ()),
    "rows": lambda answer: map(written_row, answer.rows),
    "quoted": lambda answer: map(quoted, answer.quoted),
    "told": lambda answer: (event.kind.rpartition("_")[2].lower() for event in answer.events),
    "summary.sources": lambda answer: map(sourced, answer.summary.sources),
    "counts": lambda answer: map(_written, answer.counters),
}


def _look(answer: Answer, path: str) -> Any:
    if path in _WRITTEN:
        return tuple(_WRITTEN[path](answer))
    if path == "names":
        if answer.topups:
            return tuple(each.request_id for each in answer.topups)
        talks = tuple(f"{each.conversation_id}#{each.session}" for each in answer.conversations)
        holds = tuple(hold.hold_id for hold in answer.holds)
        addons = tuple(addon.addon_id for addon in answer.addons)
        bounds = tuple(each.budget_id for each, _ in answer.budgets)
        return (
            talks or holds or addons or bounds or tuple(grant.grant_id for grant in answer.grants)
        )
    value: Any = answer
    for name in path.split("."):
        value = getattr(value, name, None)
    return value
