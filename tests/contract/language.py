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
    at 2030-02-28                   instants are also written as dates and times, UTC

Amounts are credits. After `=` come the outcome and fields of the answer; after `;` those of its
balance, hold, grant, add-on or account, of which the first word may be a state. Every account
starts empty, with overage policy CAP; a story that begins with `account` describes another, and
one that begins with `absent` has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.contract.budget_words import budget, budgets
from tests.contract.call_words import call_terms
from tests.contract.drivers import START
from tests.contract.rate_words import flag, micros, rates, usage
from tests.contract.topup_words import auto_topup
from tests.contract.wire import Operation
from tests.oracle.answers import Answer, CounterView
from tests.oracle.packages import Package
from tests.oracle.prices import RateCard
from tests.oracle.subscriber import Plan

Words = list[str]


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


def instant(text: str) -> int | None:
    """A date and time, or seconds from the beginning, as an instant; `never` is none."""
    if text in {"never", "none"}:
        return None
    if "-" in text[1:]:
        since = datetime.fromisoformat(text).replace(tzinfo=UTC) - datetime.fromtimestamp(0, UTC)
        return since // timedelta(microseconds=1)
    return START + micros(text)


def plan(text: str) -> tuple[str, int] | None:
    """`pro@1`, as id and version; `none` is none."""
    plan_id, _, version = text.partition("@")
    return None if text == "none" else (plan_id, int(version))


def pairs(text: str) -> tuple[tuple[str, str], ...]:
    """`key:value,key:value`, as sorted pairs."""
    return tuple(
        sorted((key, value) for key, _, value in (p.partition(":") for p in text.split(",")))
    )


def milliseconds(text: str) -> int:
    """Seconds as milliseconds."""
    return int(Decimal(text) * 1000)


def thresholds(text: str) -> tuple[tuple[str, int], ...]:
    """`20%,5`, as what alerts at a fifth of the allowance and at 5 credits; `none` is none."""
    return tuple(
        ("percent", int(each[:-1])) if each.endswith("%") else ("amount", micros(each))
        for each in text.split(",")
        if text != "none"
    )


def plans_own(text: str) -> bool:
    """`plan`, which is whose thresholds an account gets again."""
    return {"plan": True}[text]


def told(text: str) -> tuple[str, ...]:
    """`low,exhausted`: kinds of events, by their last words; `none` is none."""
    return () if text == "none" else tuple(text.split(","))


# How each argument of a step is written, by the word before it.
_ARGUMENTS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "min": ("minimum", micros),
    "used": ("used", micros),
    "ttl": ("ttl_ms", milliseconds),
    "agent": ("attributes", lambda text: (("agent", text),)),
    "with": ("attributes", pairs),
    "labels": ("labels", pairs),
    "cause": ("cause", str),
    "kind": ("kind", str.upper),
    "priority": ("priority", int),
    "from": ("effective_at", instant),
    "until": ("expires_at", instant),
    "note": ("reference", str),
    "of": ("hold_id", str),
    "overdraft": ("overdraft", micros),
    "policy": ("policy", str),
    "status": ("status", str),
    "state": ("state", str),
    "plan": ("plan", plan),
    "timing": ("timing", str),
    "zone": ("time_zone", str),
    "anchor": ("anchor", instant),
    "lasts": ("outlives_cycle", flag),
    "alert": ("thresholds", thresholds),
    "alerts": ("plan_thresholds", plans_own),
    "after": ("after", int),
    "package": ("package", plan),
    "quantity": ("quantity", int),
    "unpaid": ("unpaid", flag),
    "topup": ("auto_topup", auto_topup),
    "reason": ("reason", str),
    "counted": ("used_quantity", int),
}
# What packages are made of.
_SOLD: dict[str, tuple[str, Callable[[str], Any]]] = {
    "amount": ("amount", micros),
    "priority": ("priority", int),
    "valid": ("valid_for_ms", milliseconds),
}
# What plans are made of.
_TERMS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "allowance": ("allowance", micros),
    "cycle": ("unit", str),
    "rollover": ("rollover_max", micros),
    "welcome": ("welcome", micros),
    "overdraft": ("overdraft", micros),
    "policy": ("policy", str),
    "most": ("hold_max", micros),
    "longest": ("hold_ttl_max_ms", milliseconds),
    "open": ("open_holds_max", int),
    "budgets": ("budgets", budgets),
    "alert": ("thresholds", thresholds),
    "notice": ("expiry_notice_ms", milliseconds),
    "card": ("card", plan),
    "calls": ("terms", call_terms),
}
# The verbs: what the oracle calls them, and how the words right after them are read.
_VERBS: dict[str, tuple[str, list[tuple[str, Callable[[str], Any]]]]] = {
    "reserve": ("reserve", [("hold_id", str), ("amount", micros)]),
    "charge": ("charge", [("hold_id", str), ("amount", micros)]),
    "extend": ("extend", [("hold_id", str), ("total", micros)]),
    "use": ("reserve", [("hold_id", str), ("usage", usage)]),
    "spend": ("charge", [("hold_id", str), ("usage", usage)]),
    "stretch": ("extend", [("hold_id", str), ("quantity", int)]),
    "count": ("commit", [("hold_id", str), ("used_quantity", int)]),
    "tally": ("commit", [("hold_id", str), ("used_quantity", int)]),
    "quote": ("quote", [("usage", usage)]),
    "renew": ("extend", [("hold_id", str)]),
    "commit": ("commit", [("hold_id", str), ("used", micros)]),
    "report": ("commit", [("hold_id", str), ("used", micros)]),
    "release": ("release", [("hold_id", str)]),
    "hold": ("get_hold", [("hold_id", str)]),
    "balance": ("get_balance", []),
    "account": ("create_account", []),
    "show": ("get_account", []),
    "update": ("update_account", []),
    "grant": ("add_grant", [("grant_id", str), ("amount", micros)]),
    "buy": ("add_grant", [("grant_id", str)]),
    "confirm": ("confirm_grant", [("grant_id", str)]),
    "refuse": ("refuse_topup", [("request_id", str)]),
    "topups": ("list_topups", []),
    "grants": ("list_grants", []),
    "revoke": ("revoke_grant", [("grant_id", str)]),
    "refund": ("refund", [("refund_id", str), ("amount", micros)]),
    "holds": ("list_holds", []),
    "addon": ("add_addon", [("addon_id", str), ("amount", micros)]),
    "cancel": ("cancel_addon", [("addon_id", str)]),
    "addons": ("list_addons", []),
    "budget": ("put_budget", [("budget", budget)]),
    "unbudget": ("delete_budget", [("budget_id", str)]),
    "budgets": ("list_budgets", []),
    "statement": ("get_statement", []),
    "events": ("list_events", []),
}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "report": {"keep_open": True},
    "tally": {"keep_open": True},
    "grant": {"kind": "PURCHASED"},
    "buy": {"kind": "PURCHASED"},
}
_PERIOD: dict[str, tuple[str, Callable[[str], Any]]] = {
    "from": ("start", instant),
    "until": ("until", instant),
}
_EXPECTED: dict[str, dict[str, tuple[str, Callable[[str], Any]]]] = {
    "": {
        "asked": ("asked", micros),
        "short": ("shortfall", micros),
        "retry": ("retry_after", micros),
        "replayed": ("replayed", flag),
        "charged": ("charged", micros),
        "uncollected": ("uncollected", micros),
        "late": ("late", flag),
        "revoked": ("revoked", micros),
        "lapsed": ("lapsed", micros),
        "names": ("names", lambda text: tuple(text.split(","))),
        "limit": ("limit", str),
        "counts": ("counts", lambda text: () if text == "none" else tuple(text.split(","))),
        "opening": ("opening", micros),
        "closing": ("closing", micros),
        "told": ("told", told),
        "reach": ("affordable", int),
        "price": ("price", micros),
        "model": ("rate.model", str),
    },
    "balance": {
        "settled": ("settled", micros),
        "held": ("held", micros),
        "available": ("available", micros),
        "overdraft": ("overdraft", micros),
        "version": ("version", int),
    },
    "hold": {
        "granted": ("granted", micros),
        "held": ("held", micros),
        "used": ("used", micros),
        "charged": ("charged", micros),
        "uncollected": ("uncollected", micros),
        "refunded": ("refunded", micros),
        "expires": ("expires_at", instant),
        "settled": ("settled_at", instant),
        "late": ("late", flag),
        "cause": ("cause", str),
        "buys": ("granted_quantity", int),
        "counted": ("used_quantity", int),
    },
    "grant": {
        "remaining": ("remaining", micros),
        "amount": ("amount", micros),
        "priority": ("priority", int),
        "begins": ("effective_at", instant),
        "expires": ("expires_at", instant),
    },
    "account": {
        "debt": ("debt", micros),
        "holds": ("open_holds", int),
        "policy": ("policy", str),
        "plan": ("standing.plan", plan),
        "next": ("standing.next_plan", plan),
        "zone": ("standing.time_zone", str),
        "anchor": ("standing.anchor", instant),
        "cycle": ("standing.cycle.number", int),
        "starts": ("standing.cycle.starts_at", instant),
        "ends": ("standing.cycle.ends_at", instant),
        "alert": ("thresholds", thresholds),
        "own": ("own_thresholds", flag),
        "unpaid": ("unpaid", micros),
        "request": ("topup_request", lambda text: "" if text == "none" else text),
    },
    "addon": {"amount": ("amount", micros), "cancelled": ("cancelled_at", instant)},
}
_STATES = {"hold": "state", "grant": "state", "account": "status"}


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
        sold = Package(package_id, int(version), **_pairs_of(words[1:], _SOLD))
        return Operation("put_package", {"package": sold})
    if verb == "plan":
        plan_id, _, version = words[0].partition("@")
        terms = _pairs_of(words[1:], _TERMS)
        return Operation("put_plan", {"plan": Plan(plan_id, int(version), **terms)})
    if verb == "card":
        card_id, _, version = words[0].partition("@")
        terms = _pairs_of(words[1:], {"rates": ("rates", rates)})
        return Operation("put_rate_card", {"card": RateCard(card_id, int(version), **terms)})
    name, places = _VERBS[verb]
    arguments: dict[str, Any] = dict(_DEFAULTS.get(verb, {}))
    for (argument, read), text in zip(places, words, strict=False):
        arguments[argument] = read(text)
    known = _PERIOD if verb == "statement" else _ARGUMENTS
    arguments |= _pairs_of(words[len(places) :], known)
    return Operation(name, arguments)


def _expectation(text: str) -> dict[str, Any]:
    """What an answer must be: `part.field` to value."""
    expected: dict[str, Any] = {}
    for place, section in enumerate(text.split(";") if text else ()):
        part, *words = section.split()
        if place == 0:
            expected["outcome"], part = part, ""
        elif part in _STATES and words and words[0].isupper():
            expected[f"{part}.{_STATES[part]}"] = words.pop(0)
        prefix = f"{part}." if part else ""
        found = _pairs_of(words, _EXPECTED[part])
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


def _look(answer: Answer, path: str) -> Any:
    if path == "told":
        return tuple(event.kind.rpartition("_")[2].lower() for event in answer.events)
    if path == "names":
        if answer.topups:
            return tuple(each.request_id for each in answer.topups)
        holds = tuple(hold.hold_id for hold in answer.holds)
        addons = tuple(addon.addon_id for addon in answer.addons)
        bounds = tuple(each.budget_id for each, _ in answer.budgets)
        return holds or addons or bounds or tuple(grant.grant_id for grant in answer.grants)
    if path == "counts":
        return tuple(map(_written, answer.counters))
    value: Any = answer
    for name in path.split("."):
        value = getattr(value, name, None)
    return value
