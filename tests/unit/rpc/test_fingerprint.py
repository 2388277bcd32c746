"""The digests are stored for years: those written here must never change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from creditgate.v1 import account_pb2, conversation_pb2, hold_pb2
from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import catalog_service_pb2 as catalog_pb
from creditgate.v1 import conversation_service_pb2 as conversations_pb
from creditgate_server.rpc import decode, decode_conversations
from creditgate_server.rpc.call import Call
from creditgate_server.rpc.decode_accounts import new_grant
from creditgate_server.rpc.decode_plans import new_addon, new_plan
from creditgate_server.rpc.fingerprint import fingerprint
from creditgate_server.rpc.pages import Pages
from creditgate_server.rpc.pins import Pins
from tests.support.calls import good_conversation_terms, good_plan, good_thresholds

TENANT = UUID(int=1)
PINS = Pins(Pages("p" * 32))
PLAIN: dict[str, Any] = {"account_id": "acme", "hold_id": "msg-1", "amount_micros": 5}
FULL: dict[str, Any] = PLAIN | {
    "minimum_micros": 2,
    "ttl": Duration(seconds=90),
    "attributes": hold_pb2.Attributes(agent="maria", topic="Rückgabe"),
    "labels": {"b": "2", "a": "1"},
}


def reserve(**changes: Any) -> str:
    return _hex(decode.reserve(pb.ReserveRequest(**changes), TENANT, PINS).fingerprint)


def charge(**changes: Any) -> str:
    return _hex(decode.charge(pb.ChargeRequest(**changes), TENANT, PINS).fingerprint)


def grant(**changes: Any) -> str:
    body: dict[str, Any] = {
        "grant_id": "g",
        "kind": account_pb2.GRANT_KIND_PLAN,
        "amount_micros": 7,
    }
    body |= changes
    return new_grant(accounts_pb.AddGrantRequest(**body)).fingerprint.hex()


def plan(given: catalog_pb.Plan) -> str:
    return new_plan(catalog_pb.PutPlanRequest(plan=given)).fingerprint.hex()


def addon(**changes: Any) -> str:
    body: dict[str, Any] = {"addon_id": "a", "amount_micros": 7} | changes
    return new_addon(accounts_pb.AddAddonRequest(**body)).fingerprint.hex()


def message(**changes: Any) -> str:
    body: dict[str, Any] = {"account_id": "acme", "conversation_id": "c", "message_id": "m"}
    request = conversations_pb.ReserveMessageRequest(**body | changes)
    return _hex(decode_conversations.reserve(request, Call((), remaining_seconds=1)).fingerprint)


def _hex(digest: bytes | None) -> str:
    assert digest is not None
    return digest.hex()


def test_stored_digests_never_change() -> None:
    assert reserve(**PLAIN) == "85911a2a8b16f2f5fb226a05bfa814fe"
    assert reserve(**FULL) == "36cb9f7b03a3e016fb779214d0f4145b"
    assert charge(**PLAIN) == "126a29508ba426e8f8765308c50f1135"
    assert grant() == "1aa295c5e8d393748b768ed9e5b18a3f"
    full = grant(
        priority=3,
        effective_at=Timestamp(seconds=1_700_000_000, nanos=123_456_789),
        expires_at=Timestamp(seconds=1_800_000_000),
        reference="invoice 7",
    )
    assert full == "223d09b6b52219666fefc9d762612160"
    assert plan(catalog_pb.Plan(plan_id="free", version=1)) == "0b9deaed2cc54d3587dcce45d1dce4e0"
    older = good_plan()
    for name in (
        "thresholds",
        "expiry_notice",
        "call_terms",
        "conversation_terms",
    ):  # unknown at first
        older.ClearField(name)
    assert plan(older) == "5bed314d4df32c71b484b87b7ecbd0e9"
    older.ClearField("budgets")  # nor these
    assert plan(older) == "2e1129a1e9d7e45d6ced207ad1bdb397"
    assert (
        plan(good_plan(call_terms=None, conversation_terms=None))
        == "bd95890251f02dab67688ad603b81215"
    )
    assert plan(good_plan(conversation_terms=None)) == "62a5027422eeba098c61c9b98b07b921"
    assert plan(good_plan()) == "a15c3a3df905968f444c34c03af6bf99"
    assert message() == "e732422695964aac3247300284696733"
    assert addon() == "e015e796c68209c6d47b3c693d0ea176"
    assert addon(outlives_cycle=True, priority=3) == "601885ac2e800e627849c114f2b42783"


def test_the_same_meaning_has_the_same_digest() -> None:
    assert reserve(**PLAIN) == reserve(**PLAIN, ttl=Duration(seconds=60))
    assert reserve(**PLAIN) == reserve(**PLAIN, ttl=Duration(seconds=60, nanos=999_999))
    assert reserve(**PLAIN) == reserve(**PLAIN, attributes=hold_pb2.Attributes())
    turned = FULL | {"labels": dict(reversed(FULL["labels"].items()))}
    assert reserve(**FULL) == reserve(**turned)
    at = Timestamp(seconds=5, nanos=1_000)
    assert grant(effective_at=at) == grant(effective_at=Timestamp(seconds=5, nanos=1_999))


@pytest.mark.parametrize(
    "change",
    [
        {"amount_micros": 6},
        {"minimum_micros": 1},
        {"ttl": Duration(seconds=91)},
        {"attributes": hold_pb2.Attributes(agent="maria")},
        {"attributes": hold_pb2.Attributes(user="maria", topic="Rückgabe")},
        {"labels": {"a": "1"}},
        {"labels": {"a": "2", "b": "1"}},
    ],
)
def test_another_meaning_has_another_digest(change: dict[str, Any]) -> None:
    assert reserve(**FULL | change) != reserve(**FULL)


@pytest.mark.parametrize(
    "change",
    [
        {"amount_micros": 8},
        {"kind": account_pb2.GRANT_KIND_PURCHASED},
        {"priority": 1},
        {"reference": "x"},
        {"effective_at": Timestamp(seconds=1)},
        {"expires_at": Timestamp(seconds=1)},
    ],
)
def test_another_grant_has_another_digest(change: dict[str, Any]) -> None:
    assert grant(**change) != grant()


def test_a_plan_means_what_it_says_and_not_when_or_by_what_name_it_is_written() -> None:
    assert plan(good_plan()) == plan(good_plan(plan_id="other", version=7))
    assert plan(good_plan()) == plan(good_plan(created_at=Timestamp(seconds=5)))
    turned = catalog_pb.Thresholds(thresholds=reversed(good_thresholds()))
    assert plan(good_plan()) == plan(good_plan(thresholds=turned))
    usual = account_pb2.CallTerms(
        max_duration=Duration(),
        renew_before=Duration(seconds=10),
        warn_before=Duration(seconds=30),
        final_action=account_pb2.FINAL_ACTION_TERMINATE,
        on_reserve_failure=account_pb2.FAILURE_HANDLING_TERMINATE,
        on_extend_failure=account_pb2.FAILURE_HANDLING_CONTINUE_WITHIN_ALLOWANCE,
    )
    assert plan(good_plan(call_terms=None)) == plan(good_plan(call_terms=usual))
    usually = conversation_pb2.ConversationTerms(
        pricing=conversation_pb2.CONVERSATION_PRICING_MESSAGE,
        inactivity_timeout=Duration(seconds=1800),
        reopen_within=Duration(),
        conversation_meter="chat.conversation",
        message_meter="chat.message",
    )
    silent = plan(good_plan(conversation_terms=None))
    assert silent == plan(good_plan(conversation_terms=usually))
    free = catalog_pb.Plan(plan_id="free", version=1)
    assert plan(free) == plan(
        catalog_pb.Plan(
            plan_id="free",
            version=1,
            overage_policy=account_pb2.OVERAGE_POLICY_CAP,
            limits=catalog_pb.PlanLimits(hold_ttl_max=Duration()),
        )
    )


LIMITS = catalog_pb.PlanLimits(
    hold_max_micros=100, hold_ttl_max=Duration(seconds=3600), open_holds_max=10
)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Pro"},
        {"allowance_micros": 1001},
        {"cycle": catalog_pb.CYCLE_UNIT_WEEK},
        {"rollover_max_micros": 0},
        {"welcome_micros": 6},
        {"overdraft_limit_micros": 0},
        {"overage_policy": account_pb2.OVERAGE_POLICY_CAP},
        {"limits": catalog_pb.PlanLimits()},
        {"thresholds": catalog_pb.Thresholds()},
        {"thresholds": None},
        {"expiry_notice": Duration()},
        {"expiry_notice": None},
        {"limits": catalog_pb.PlanLimits(hold_max_micros=100, open_holds_max=10)},
        {"limits": catalog_pb.PlanLimits(hold_max_micros=10, open_holds_max=100)},
        *[
            {"call_terms": account_pb2.CallTerms(**terms)}
            for terms in (
                {"max_duration": Duration(seconds=60)},
                {"renew_before": Duration(seconds=60)},
                {"warn_before": Duration()},
                {"final_action": account_pb2.FINAL_ACTION_RESTRICT},
                {"on_reserve_failure": account_pb2.FAILURE_HANDLING_CONTINUE},
                {"on_extend_failure": account_pb2.FAILURE_HANDLING_TERMINATE},
                {"offline_allowance": Duration(seconds=60)},
            )
        ],
        *[
            {"conversation_terms": good_conversation_terms(**terms)}
            for terms in (
                {"pricing": conversation_pb2.CONVERSATION_PRICING_CONVERSATION},
                {"inactivity_timeout": Duration(seconds=60)},
                {"reopen_within": None},
                {"conversation_meter": ""},
                {"message_meter": "other"},
            )
        ],
    ],
)
def test_another_plan_has_another_digest(change: dict[str, Any]) -> None:
    assert plan(good_plan(limits=LIMITS)) == plan(good_plan())
    assert plan(good_plan(**change)) != plan(good_plan())


def test_a_message_means_what_it_may_cost_and_says() -> None:
    assert message() == message(message_id="other", conversation_id="c", account_id="other")
    assert message() == message(attributes=hold_pb2.Attributes(conversation_id="c"))
    assert message() == message(ttl=Duration(seconds=60), usage=hold_pb2.Usage(quantity=1))
    changes: list[dict[str, Any]] = [
        {"type": "sales"},
        {"ttl": Duration(seconds=61)},
        {"usage": hold_pb2.Usage(quantity=2)},
        {"usage": hold_pb2.Usage(meter="sales")},
        {"usage": hold_pb2.Usage(model="sales")},
        {"attributes": hold_pb2.Attributes(agent="maria")},
        {"labels": {"a": "1"}},
    ]
    digests = {message(), *(message(**change) for change in changes)}
    assert len(digests) == 1 + len(changes)


def test_another_addon_has_another_digest() -> None:
    others = [addon(amount_micros=8), addon(outlives_cycle=True), addon(priority=1)]
    assert len({addon(), *others}) == 4
    assert addon(addon_id="b") == addon()


def test_a_reserve_is_no_charge() -> None:
    assert reserve(**PLAIN) != charge(**PLAIN)


def test_parts_do_not_run_together() -> None:
    assert fingerprint("v", ["ab", "c"]) != fingerprint("v", ["a", "bc"])
    assert fingerprint("v", ["a"]) != fingerprint("v", ["a", ""])


def test_the_hold_keeps_its_details_as_json() -> None:
    operation = decode.reserve(pb.ReserveRequest(**FULL), TENANT, PINS)
    assert operation.details == (
        '{"attributes":{"agent":"maria","topic":"Rückgabe"},"labels":{"a":"1","b":"2"}}'
    )
    assert decode.reserve(pb.ReserveRequest(**PLAIN), TENANT, PINS).details is None


def test_times_are_cut_to_microseconds() -> None:
    at = Timestamp(seconds=0, nanos=1_999)
    request = accounts_pb.AddGrantRequest(
        grant_id="g", kind=account_pb2.GRANT_KIND_PLAN, amount_micros=1, effective_at=at
    )
    assert new_grant(request).effective_at == datetime(1970, 1, 1, microsecond=1, tzinfo=UTC)
