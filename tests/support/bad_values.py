"""Bad values for every field of every request, and the field an error must name."""

from __future__ import annotations

from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from creditgate.v1 import account_pb2, hold_pb2
from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import catalog_service_pb2 as catalog_pb
from creditgate_server.rpc.method import Method
from tests.support.bad_activity import bad_questions
from tests.support.bad_conversations import bad_call_terms, bad_conversation_terms
from tests.support.bad_links import BAD_LINKS
from tests.support.bad_queries import bad_usage_questions
from tests.support.bad_usages import bad_replaces, bad_usages
from tests.support.calls import (
    good_auto_topup,
    good_budget,
    good_endpoint,
    good_package,
    good_plan,
    good_rate_card,
    good_thresholds,
)

INT64_MAX = 2**63 - 1
MEGABYTE = 1_000_000
BAD_IDS = ("", "a" * 129, "a b", "a\0b", "Zoë", "a\nb", "a'--", "a" * MEGABYTE)
BAD_AMOUNTS = (0, -1, 10**18 + 1, INT64_MAX, -(2**63))
BAD_TOTALS = (-1, 10**18 + 1, INT64_MAX, -(2**63))
BAD_VERSIONS = (0, -1, -(2**31))
BAD_TEXTS = ("a" * 129, "a\0b", "a" * MEGABYTE)
BAD_TTLS = (
    Duration(),
    Duration(nanos=999_999),
    Duration(seconds=-1),
    Duration(seconds=86_400, nanos=1_000_000),
    Duration(seconds=2**62),
    Duration(seconds=1, nanos=-1),
    Duration(seconds=1, nanos=10**9),
)
BAD_TIMES = (
    Timestamp(seconds=-1),
    Timestamp(seconds=253_370_764_800),
    Timestamp(seconds=2**62),
    Timestamp(seconds=1, nanos=-1),
    Timestamp(seconds=1, nanos=10**9),
)
BAD_TOKENS = ("a", "é", "A" * 64, "A" * 5000, "\0")
ATTRIBUTES = [field.name for field in hold_pb2.Attributes.DESCRIPTOR.fields]


def bad_values(method: Method, name: str) -> list[tuple[str, Any]]:
    """Answer (field to be named, bad value) for a field of any request."""
    if name.endswith("_id"):
        # Where empty means all.
        some = method.name == "ListDeliveries" or name == "gateway_id"
        some |= method.name == "ListConversations" and name == "conversation_id"
        return [(name, value) for value in BAD_IDS if value or not some]
    if name in {"plan", "package"}:
        return BAD_GOODS[method.name]()
    if name == "termination_cause":
        return [(name, value) for value in BAD_IDS if value]
    if name in {"minimum_micros", "used_micros", "used_quantity", "overdraft_limit_micros"}:
        return [(name, value) for value in BAD_TOTALS]
    if name in {"amount_micros", "quantity"}:
        return [(name, value) for value in BAD_AMOUNTS]
    return BAD_OTHERS.get(f"{method.name}.{name}") or BAD_OTHERS[name]


def bad_plans() -> list[tuple[str, Any]]:
    """Answer plans with one field wrong, and that field."""
    wrong: list[tuple[str, Any]] = [
        *[("plan_id", value) for value in BAD_IDS if len(value) < MEGABYTE],
        *[("version", value) for value in BAD_VERSIONS],
        *[("name", value) for value in ("a" * 129, "a\0b")],
        ("cycle", 5),
        ("cycle", -1),
        ("overage_policy", 4),
        ("rate_card_id", "a b"),
        *[("rate_card_version", value) for value in (1, -1)],
        ("expiry_notice", Duration(seconds=-1)),
        ("expiry_notice", Duration(seconds=366 * 86_400, nanos=1_000_000)),
        ("expiry_notice", Duration(seconds=1, nanos=10**9)),
    ]
    for name in ("allowance", "rollover_max", "welcome", "overdraft_limit"):
        wrong += [(f"{name}_micros", value) for value in BAD_TOTALS]
    plans = [(f"plan.{name}", good_plan(**{name: value})) for name, value in wrong]
    bad_limits: dict[str, tuple[Any, ...]] = {
        "hold_max_micros": BAD_TOTALS,
        "open_holds_max": BAD_TOTALS,
        "hold_ttl_max": BAD_TTLS[1:],  # none is no limit
    }
    for name, values in bad_limits.items():
        limits = [catalog_pb.PlanLimits(**{name: value}) for value in values]
        plans += [(f"plan.limits.{name}", good_plan(limits=each)) for each in limits]
    for name in ("allowance_micros", "rollover_max_micros"):
        without_cycle: Any = {"allowance_micros": 0, "rollover_max_micros": 0, "cycle": 0}
        plans.append((f"plan.{name}", good_plan(**without_cycle | {name: 1})))
    plans += [
        (f"plan.budgets[1]{named.removeprefix('budget')}", good_plan(budgets=[good_budget(), each]))
        for named, each in bad_budgets()
        if each is not None
    ]
    nine = [good_budget(budget_id=str(number)) for number in range(9)]
    plans += [("plan.budgets", good_plan(budgets=each)) for each in (nine, [good_budget()] * 2)]
    plans += [
        (f"plan.call_terms.{name}", good_plan(call_terms=account_pb2.CallTerms(**terms)))
        for name, terms in bad_call_terms(BAD_TTLS)
    ]
    plans += [
        (f"plan.conversation_terms.{name}", good_plan(conversation_terms=terms))
        for name, terms in bad_conversation_terms(BAD_TTLS, BAD_TEXTS[:2])
    ]
    for at, bad in bad_thresholds():
        given = catalog_pb.Thresholds(thresholds=bad)
        plans.append((f"plan.thresholds.thresholds{at}", good_plan(thresholds=given)))
    return [*plans, ("plan", None)]


def bad_rate_cards() -> list[tuple[str, Any]]:
    """Answer rate cards with one field wrong, and that field."""
    wrong: list[tuple[str, Any]] = [
        *[("rate_card_id", value) for value in BAD_IDS if len(value) < MEGABYTE],
        *[("version", value) for value in BAD_VERSIONS],
        *[("name", value) for value in ("a" * 129, "a\0b")],
    ]
    cards = [(f"rate_card.{name}", good_rate_card(**{name: value})) for name, value in wrong]
    rates: list[tuple[str, Any]] = [
        *[("meter", value) for value in ("", "m" * 129, "m\0")],
        *[("model", value) for value in ("", "m" * 129, "m\0")],
        *[
            (name, value)
            for name in ("unit_price_micros", "unit_size", "connection_fee_micros")
            for value in BAD_TOTALS
        ],
        *[(name, -1) for name in ("minimum", "initial", "increment")],
    ]
    for name, value in rates:
        rate = hold_pb2.Rate(**{"meter": "m", "model": "*", name: value})
        cards.append((f"rate_card.rates[0].{name}", good_rate_card(rates=[rate])))
    for at, tiers in (
        ("[0].from_quantity", [(0, 1)]),
        ("[0].unit_price_micros", [(1, -1)]),
        ("[1].from_quantity", [(5, 1), (5, 1)]),
        ("", [(each + 1, 1) for each in range(21)]),
    ):
        given = [hold_pb2.RateTier(from_quantity=n, unit_price_micros=p) for n, p in tiers]
        card = good_rate_card(rates=[hold_pb2.Rate(meter="m", model="*", tiers=given)])
        cards.append((f"rate_card.rates[0].tiers{at}", card))
    many = [hold_pb2.Rate(meter="m", model=str(each)) for each in range(201)]
    return [
        *cards,
        ("rate_card.rates", good_rate_card(rates=many)),
        ("rate_card.rates[1]", good_rate_card(rates=[many[0], many[0]])),
        ("rate_card", None),
    ]


def bad_budgets() -> list[tuple[str, Any]]:
    """Answer budgets with one field wrong, and that field."""
    wrong: list[tuple[str, Any]] = [
        *[("budget_id", value) for value in BAD_IDS if len(value) < MEGABYTE],
        *[("attribute", value) for value in ("Agent", "labels", "a\0b", " ")],
        *[("value", value) for value in ("a" * 129, "a\0b")],
        *[("period", value) for value in (4, -1)],
        *[("spend_max_micros", value) for value in BAD_TOTALS],
        *[("open_holds_max", value) for value in BAD_TOTALS],
    ]
    budgets = [
        (f"budget.{name}", good_budget(**{"budget_id": "other", name: value}))
        for name, value in wrong
    ]
    return [
        *budgets,
        ("budget.value", good_budget(budget_id="other", attribute="")),
        ("budget", None),
    ]


def bad_packages() -> list[tuple[str, Any]]:
    """Answer packages with one field wrong, and that field."""
    wrong: list[tuple[str, Any]] = [
        *[("package_id", value) for value in BAD_IDS if len(value) < MEGABYTE],
        *[("version", value) for value in BAD_VERSIONS],
        *[("name", value) for value in ("a" * 129, "a\0b")],
        *[("amount_micros", value) for value in BAD_AMOUNTS],
        *[("priority", value) for value in (-1, 1001)],
        *[("valid_for", value) for value in BAD_TTLS[:3]],
        ("valid_for", Duration(seconds=315_576_000, nanos=1_000_000)),
    ]
    packages = [(f"package.{name}", good_package(**{name: value})) for name, value in wrong]
    return [*packages, ("package", None)]


def bad_orders() -> list[tuple[str, Any]]:
    """Answer orders of packages with one field wrong, and that field; amounts come with none."""
    right: dict[str, Any] = {"package_id": "p", "version": 1, "quantity": 1}
    wrong: list[tuple[str, Any]] = [
        *[("package_id", value) for value in BAD_IDS if len(value) < MEGABYTE],
        *[("version", value) for value in BAD_VERSIONS if value],
        *[("quantity", value) for value in (0, -1, 10**9 + 1)],
    ]
    orders = [
        (f"package.{name}", account_pb2.PackageOrder(**right | {name: value}))
        for name, value in wrong
    ]
    return [*orders, ("amount_micros", account_pb2.PackageOrder(**right))]


def bad_thresholds() -> list[tuple[str, list[account_pb2.Threshold]]]:
    """Answer lists of thresholds that are wrong, and what in them is."""
    percent, amount = (
        [account_pb2.Threshold(**{name: value}) for value in values]
        for name, values in (("percent", (0, -1, 101)), ("amount_micros", BAD_TOTALS))
    )
    return [
        *[("[0].percent", [each]) for each in percent],
        *[("[1].amount_micros", [*good_thresholds()[:1], each]) for each in amount],
        ("[0]", [account_pb2.Threshold()]),
        ("", [*good_thresholds(), *good_thresholds()[:1]]),
        ("", [account_pb2.Threshold(percent=each + 1) for each in range(9)]),
    ]


def bad_threshold_changes() -> list[tuple[str, Any]]:
    """Answer changes of an account's thresholds that are wrong, and what in them is."""
    reset = accounts_pb.ThresholdChange(reset=True, thresholds=good_thresholds())
    changes: list[tuple[str, Any]] = [("thresholds.thresholds", reset)]
    for at, bad in bad_thresholds():
        change = accounts_pb.ThresholdChange(thresholds=bad)
        changes.append((f"thresholds.thresholds{at}", change))
    return changes


def bad_choices() -> list[tuple[str, Any]]:
    """Answer changes of plan with one field wrong, and that field."""
    right: dict[str, Any] = {"plan_id": "p", "version": 1}
    wrong: list[tuple[str, Any]] = [
        *[("plan_id", value) for value in BAD_IDS if len(value) < MEGABYTE],
        *[("version", value) for value in BAD_VERSIONS],
        ("timing", 3),
        ("timing", -1),
    ]
    return [
        (f"plan.{name}", accounts_pb.PlanChange(**right | {name: value})) for name, value in wrong
    ]


def bad_endpoints() -> list[tuple[str, Any]]:
    """Answer endpoints with one field wrong, and that field."""
    urls = (
        *("", "http://example.com/", "https://u:p@example.com/", "https://example.com:22/"),
        *("https://example.com/#a", "ftp://example.com/", "https:///", "https://example.com/é"),
        "https://example.com/" + "a" * 2048,
    )
    wrong: list[tuple[str, Any]] = [
        *[("endpoint_id", value) for value in BAD_IDS if len(value) < MEGABYTE],
        *[("account_id", value) for value in BAD_IDS if 0 < len(value) < MEGABYTE],
        *[("webhook_url", value) for value in urls],
        *[("email", value) for value in ("", "a", "a@b.de\nBcc: c@d.de", "a@b.de")],
    ]
    endpoints = [(f"endpoint.{name}", good_endpoint(**{name: value})) for name, value in wrong]
    for kinds, at in (([1, 0], "[1]"), ([99], "[0]"), ([-1], "[0]"), ([1, 2, 1], "")):
        endpoints.append((f"endpoint.kinds{at}", good_endpoint(kinds=kinds)))
    nowhere = good_endpoint()
    nowhere.ClearField("webhook_url")
    return [*endpoints, ("endpoint.target", nowhere), ("endpoint", None)]


BAD_GOODS = {
    "PutPlan": bad_plans,
    "UpdateAccount": bad_choices,
    "PutPackage": bad_packages,
    "AddGrant": bad_orders,
}
BAD_OTHERS: dict[str, list[tuple[str, Any]]] = {
    "ttl": [("ttl", value) for value in BAD_TTLS],
    **BAD_LINKS,
    "attributes": [
        (f"attributes.{name}", hold_pb2.Attributes(**{name: value}))
        for name in ATTRIBUTES
        for value in BAD_TEXTS[:2]
    ]
    + [("attributes", hold_pb2.Attributes(agent="a" * MEGABYTE))],
    "labels": [
        ("labels", {f"k{n}": "v" for n in range(17)}),
        ("labels", {"": "v"}),
        ("labels", {"k" * 65: "v"}),
        ("labels", {"ü": "v"}),
        ("labels", {"k\0": "v"}),
        ("labels[k]", {"k": "v" * 257}),
        ("labels[k]", {"k": "v\0"}),
    ],
    "budget": bad_budgets(),
    "rate_card": bad_rate_cards(),
    # Both of their values are right.
    **{name: [] for name in ("unpaid", "keep_open", "outlives_cycle", "handed_off")},
    "version": [("version", -1), ("version", -(2**31))],
    "thresholds": bad_threshold_changes(),
    "auto_topup": [
        (f"auto_topup.{name}", good_auto_topup(**{name: value}))
        for name, values in (
            ("below_micros", BAD_TOTALS),
            ("amount_micros", BAD_AMOUNTS),
            ("month_max_micros", BAD_TOTALS),
        )
        for value in values
    ],
    "reason": [("reason", "r" * 257), ("reason", "r\0")],
    "endpoint": bad_endpoints(),
    "generation": [("generation", value) for value in BAD_VERSIONS],
    "event_number": [("event_number", value) for value in (0, -1, -(2**63))],
    "after_number": [("after_number", -1), ("after_number", -(2**63))],
    "time_zone": [
        ("time_zone", value)
        for value in (
            *("", "Mars/Olympus_Mons", "america/new_york", "America/New_York ", "Europe/Zürich"),
            # What PostgreSQL would take, and not as the place it is the name of.
            *("CET", "EST", "+02", "UTC+2", "<+02>-2", "posix/Asia/Tokyo", "Factory", "localtime"),
            *("../../etc/passwd", "UTC\0", "A" * 65, "A" * MEGABYTE),
        )
    ],
    "after_version": [("after_version", -1), ("after_version", -(2**63))],
    "warn_before": [
        ("warn_before", value)
        for value in (
            Duration(seconds=-1),
            Duration(seconds=600, nanos=1),
            Duration(seconds=2**62),
            Duration(seconds=1, nanos=-1),
            Duration(seconds=1, nanos=10**9),
        )
    ],
    "billing_anchor": [("billing_anchor", value) for value in BAD_TIMES],
    "from": [("from", value) for value in BAD_TIMES],
    "until": [
        *[("until", value) for value in BAD_TIMES],
        ("until", Timestamp(seconds=1_700_000_000)),
        ("until", Timestamp(seconds=1)),
    ],
    **bad_questions(BAD_TIMES, BAD_TEXTS[:2]),
    "order": [("order", 3), ("order", -1)],
    **bad_usage_questions(BAD_TEXTS[:2]),
    "usage": [
        ("usage.meter", hold_pb2.Usage(quantity=1)),
        ("usage.meter", hold_pb2.Usage(meter="m" * 129, quantity=1)),
        ("usage.meter", hold_pb2.Usage(meter="\0", quantity=1)),
        ("usage.model", hold_pb2.Usage(meter="m", model="m" * 129, quantity=1)),
        *[("usage.quantity", hold_pb2.Usage(meter="m", quantity=value)) for value in BAD_AMOUNTS],
    ],
    "Quote.usages": [("usages", [hold_pb2.Usage(meter="m", quantity=1)])],  # beside usage
    "replaces": bad_replaces(BAD_TOTALS),
    "pin_for": [("pin_for", value) for value in BAD_TTLS[2:]],
    "quote_token": [("quote_token", value) for value in BAD_TOKENS],
    **{name: bad_usages(name, BAD_TOTALS) for name in ("usages", "quantities", "used_quantities")},
    "ReserveMessage.usage": [
        ("usage.meter", hold_pb2.Usage(meter="m" * 129)),
        ("usage.meter", hold_pb2.Usage(meter="\0")),
        ("usage.model", hold_pb2.Usage(model="m" * 129)),
        *[("usage.quantity", hold_pb2.Usage(quantity=value)) for value in BAD_TOTALS],
    ],
    "session": [("session", -1), ("session", -(2**31))],
    "type": [("type", value) for value in BAD_TEXTS],
    "overage_policy": [("overage_policy", 4), ("overage_policy", -1)],
    "status": [("status", 0), ("status", 4), ("status", 2**31 - 1)],
    "kind": [("kind", 0), ("kind", 5), ("kind", 6), ("kind", -1)],
    "state": [("state", 5), ("state", -1)],
    "epoch_below": [("epoch_below", value) for value in (1, -1)],  # it comes with a gateway
    "call": [("usage", hold_pb2.Call(gateway_id="gw", gateway_epoch=1))],  # that by amount has none
    "priority": [("priority", -1), ("priority", 1001), ("priority", 2**31 - 1)],
    "effective_at": [("effective_at", value) for value in BAD_TIMES],
    "expires_at": [
        *[("expires_at", value) for value in BAD_TIMES],
        ("expires_at", Timestamp(seconds=1_700_000_000)),
        ("expires_at", Timestamp(seconds=1)),
    ],
    "reference": [("reference", "r" * 257), ("reference", "r\0")],
    "page_size": [("page_size", -1), ("page_size", -(2**31))],
    "page_token": [("page_token", value) for value in BAD_TOKENS],
}
