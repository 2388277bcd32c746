"""The words of the contract's cases: how each is written, and what it is called elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.contract.budget_words import budget, budgets
from tests.contract.call_words import CALL_ARGUMENTS, QUOTA, call_terms, gateway
from tests.contract.conversation_words import conversation_terms
from tests.contract.drivers import START
from tests.contract.rate_words import flag, micros, usage, usages
from tests.contract.summary_words import SUMMARY, day, days
from tests.contract.topup_words import auto_topup
from tests.contract.usage_words import ASKED, DISTRIBUTION
from tests.oracle.summaries import Asked


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


def replaced(text: str) -> tuple[str, dict[str, Any]]:
    """`old/used=5`, `old/counted=61/cause=moved`: the hold that is replaced, and its Commit."""
    name, *words = text.split("/")
    told = dict(word.split("=", 1) for word in words)
    known = {word: ARGUMENTS[word] for word in ("used", "counted", "mixed", "cause")}
    return name, {known[word][0]: known[word][1](value) for word, value in told.items()}


def asked(text: str) -> Asked:
    """`0..60`, `2030-01-01..`, `..60`, `..`: a range; `last=60`: so many seconds before now."""
    if text.startswith("last="):
        return Asked(last_ms=milliseconds(text.removeprefix("last=")))
    start, until = (instant(edge) if edge else None for edge in text.split(".."))
    return Asked(start, until)


# How each argument of a step is written, by the word before it.
ARGUMENTS: dict[str, tuple[str, Callable[[str], Any]]] = {
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
    "mixed": ("used_quantities", usages),
    "pin": ("pin_for_ms", milliseconds),
    "pinned": ("pinned", int),
    "replacing": ("replaces", replaced),
    **CALL_ARGUMENTS,
    "costs": ("usage", usage),
    "type": ("type", str),
    "handed": ("handed_off", flag),
    "session": ("session", int),
    "about": ("conversation_id", str),
    "range": ("asked", asked),
}
# What packages are made of.
SOLD: dict[str, tuple[str, Callable[[str], Any]]] = {
    "amount": ("amount", micros),
    "priority": ("priority", int),
    "valid": ("valid_for_ms", milliseconds),
}
# What plans are made of.
TERMS: dict[str, tuple[str, Callable[[str], Any]]] = {
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
    "talks": ("conversations", conversation_terms),
}
# The verbs: what the oracle calls them, and how the words right after them are read.
VERBS: dict[str, tuple[str, list[tuple[str, Callable[[str], Any]]]]] = {
    "reserve": ("reserve", [("hold_id", str), ("amount", micros)]),
    "charge": ("charge", [("hold_id", str), ("amount", micros)]),
    "extend": ("extend", [("hold_id", str), ("total", micros)]),
    "use": ("reserve", [("hold_id", str), ("usage", usage)]),
    "spend": ("charge", [("hold_id", str), ("usage", usage)]),
    "stretch": ("extend", [("hold_id", str), ("quantity", int)]),
    "mix": ("reserve", [("hold_id", str), ("usages", usages)]),
    "spendmix": ("charge", [("hold_id", str), ("usages", usages)]),
    "stretchmix": ("extend", [("hold_id", str), ("quantities", usages)]),
    "countmix": ("commit", [("hold_id", str), ("used_quantities", usages)]),
    "tallymix": ("commit", [("hold_id", str), ("used_quantities", usages)]),
    "count": ("commit", [("hold_id", str), ("used_quantity", int)]),
    "tally": ("commit", [("hold_id", str), ("used_quantity", int)]),
    "quote": ("quote", [("usage", usage)]),
    "quotemix": ("quote", [("usages", usages)]),
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
    "say": ("reserve_message", [("conversation_id", str), ("message_id", str)]),
    "said": ("commit_message", [("conversation_id", str), ("message_id", str)]),
    "unsay": ("release_message", [("conversation_id", str), ("message_id", str)]),
    "end": ("close_conversation", [("conversation_id", str)]),
    "talk": ("get_conversation", [("conversation_id", str)]),
    "talks": ("list_conversations", []),
    "usage": ("query_usage", []),
    "spread": ("get_distribution", [("measure", str)]),
    "summary": ("get_summary", []),
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "report": {"keep_open": True},
    "tally": {"keep_open": True},
    "tallymix": {"keep_open": True},
    "grant": {"kind": "PURCHASED"},
    "buy": {"kind": "PURCHASED"},
}
TALKS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "about": ("conversation_id", str),
    "state": ("state", str),
    "from": ("start", instant),
    "until": ("until", instant),
}
PERIOD: dict[str, tuple[str, Callable[[str], Any]]] = {
    "from": ("start", instant),
    "until": ("until", instant),
}
# Where the words of a verb are others.
OWN_ARGUMENTS = {
    "statement": PERIOD,
    "talks": TALKS,
    "usage": PERIOD | ASKED,
    "spread": PERIOD | ASKED,
}
EXPECTED: dict[str, dict[str, tuple[str, Callable[[str], Any]]]] = {
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
        "until": ("pinned_until", instant),
        "parts": ("quoted", lambda text: tuple(text.split("+"))),
        "model": ("rate.model", str),
        "opened": ("opened", flag),
        "rows": ("rows", lambda text: () if text == "none" else tuple(text.split("+"))),
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
        "on": ("call", gateway),
        "lines": ("lines", lambda text: tuple(text.split("+"))),
    },
    "quota": {**QUOTA, "until": ("funded_until", instant)},
    "replaced": {
        "state": ("hold.state", str),
        "used": ("hold.used", micros),
        "cause": ("hold.cause", str),
        "charged": ("charged", micros),
        "uncollected": ("uncollected", micros),
        "late": ("late", flag),
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
    "talk": {
        "session": ("session", int),
        "type": ("type", str),
        "started": ("started_at", instant),
        "active": ("last_activity_at", instant),
        "ends": ("ends_at", instant),
        "ended": ("ended_at", instant),
        "lasted": ("duration", micros),
        "messages": ("messages", int),
        "charged": ("charged", micros),
        "ending": ("ending", str),
        "cause": ("cause", str),
        "pricing": ("pricing", str),
    },
    "spread": DISTRIBUTION,
    "addon": {"amount": ("amount", micros), "cancelled": ("cancelled_at", instant)},
    "summary": {
        **SUMMARY,
        "starts": ("period.starts_at", instant),
        "ends": ("period.ends_at", instant),
        "out": ("run_out_at", instant),
        "peak": ("peak", day),
        "days": ("days", days),
    },
}
STATES = {"hold": "state", "talk": "state", "grant": "state", "account": "status"}
