"""The SDK's raw calls about calls, and its command line, against the fake."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

import creditgate
from creditgate import (
    CallLeg,
    CallTerms,
    FailureHandling,
    FinalAction,
    FinalReason,
    FinalUnit,
    Quota,
    Rate,
    Usage,
)
from tests.client.conftest import Fake, Shell, answer

TERMS = CallTerms(
    max_duration_seconds=3600,
    renew_before_seconds=2.5,
    warn_before_seconds=0,
    final_action=FinalAction.REDIRECT,
    redirect_target="desk",
    on_reserve_failure=FailureHandling.CONTINUE,
    on_extend_failure=FailureHandling.TERMINATE,
    offline_allowance_seconds=30,
)


LEG = CallLeg("gw-7", 5)
MINUTE = Usage("voice.call", 60)


@pytest.fixture
def voice(fake: Fake) -> Fake:
    """The fake with `acme` on a plan where a second of a call costs a credit, of its 100."""
    with fake.client() as client:
        rate = Rate.of("voice.call", unit_price=1)
        client.put_rate_card("std", version=1, rates=[rate])
        client.put_plan("voice", version=1, rate_card_id="std", call_terms=TERMS)
        client.update_account("acme", plan="voice@1")
    return fake


def test_the_call_terms_of_a_plan_are_read_as_they_were_written(fake: Fake) -> None:
    with fake.client() as client:
        written = client.put_plan("pro", version=1, call_terms=TERMS).plan
        assert written.call_terms == TERMS == client.get_plan("pro").call_terms
        assert client.put_plan("free", version=1).plan.call_terms == CallTerms()
        assert client.put_plan("free", version=1, call_terms=CallTerms()).replayed
        with pytest.raises(creditgate.NameReused):
            client.put_plan("free", version=1, call_terms=TERMS)
        with pytest.raises(creditgate.InvalidRequest):
            client.put_plan("bad", version=1, call_terms=CallTerms(redirect_target="desk"))


def test_a_call_has_a_quota_and_its_gateway(voice: Fake) -> None:
    with voice.client() as client:
        reserved = client.reserve("acme", hold_id="a", usage=MINUTE, call=LEG)
        assert reserved.hold is not None
        assert reserved.hold.call == LEG
        assert reserved.quota == Quota(
            granted_quantity=60,
            funded_until=voice.now() + timedelta(seconds=60),
            renew_before_seconds=2.5,
            warn_before_seconds=0.0,
            final=None,
            on_reserve_failure=FailureHandling.CONTINUE,
            on_extend_failure=FailureHandling.TERMINATE,
            offline_allowance_seconds=30.0,
        )
        raised = client.extend("acme", hold_id="a", quantity=100, used_quantity=58)
        assert raised.quota is not None
        reason = FinalReason.CREDITS
        assert raised.quota.final == FinalUnit(
            action=FinalAction.REDIRECT, redirect_target="desk", reason=reason
        )
        denied = client.reserve("acme", hold_id="b", usage=MINUTE, call=CallLeg("gw-7", 6))
        assert not denied.granted
        assert denied.quota is not None
        assert denied.quota.funded_until == voice.now()
        plain = client.charge("acme", hold_id="c", usage=Usage("voice.call", 1), minimum="0.1")
        assert plain.quota is None
        with pytest.raises(creditgate.InvalidRequest):
            client.reserve("acme", hold_id="d", amount=1, call=LEG)


def test_the_calls_of_a_gateway_are_listed(voice: Fake) -> None:
    async def work() -> None:
        async with voice.async_client() as client:
            for name, epoch in (("a", 1), ("b", 2)):
                usage, leg = Usage("voice.call", 10), CallLeg("gw", epoch)
                await client.reserve("acme", hold_id=name, usage=usage, call=leg)
            await client.reserve("acme", hold_id="c", amount=1)
            names = [each.hold_id async for each in client.list_holds(gateway_id="gw")]
            assert names == ["a", "b"]
            before = client.list_holds(gateway_id="gw", epoch_below=2, page_size=1)
            assert [each.call async for each in before] == [CallLeg("gw", 1)]
            assert len([each async for each in client.list_holds("acme")]) == 3

    asyncio.run(work())


def test_calls_on_the_command_line(voice: Fake, shell: Shell) -> None:
    assert voice.target
    calls = "max=3600,renew-before=2.5,final=restrict,on-extend-failure=continue,offline=9"
    plan = answer(shell("plan", "put", "new@1", "--calls", calls, "--json"))["plan"]
    assert plan["call_terms"] == {
        "max_duration_seconds": 3600,
        "renew_before_seconds": 2.5,
        "warn_before_seconds": 30.0,
        "final_action": "RESTRICT",
        "redirect_target": "",
        "on_reserve_failure": "TERMINATE",
        "on_extend_failure": "CONTINUE",
        "offline_allowance_seconds": 9,
    }
    metered = ("--meter", "voice.call", "--quantity", "60", "--hold", "a")
    call = ("--gateway", "gw", "--epoch", "1")
    reserved = answer(shell("reserve", "acme", *metered, *call, "--json"))
    assert reserved["quota"]["granted_quantity"] == 60
    assert reserved["hold"]["call"] == {"gateway_id": "gw", "epoch": 1}
    lines = shell("reserve", "acme", *metered, *call).stdout.splitlines()
    assert lines[1].endswith("0 of 60 voice.call  on gw")
    assert lines[2].startswith("call 60 s  funded until ")
    assert lines[2].endswith("30 s longer while nobody answers")
    final = shell("extend", "acme", "a", "--quantity", "200").stdout.splitlines()
    assert final[2].endswith("final, credits: redirect to desk")
    assert "calls up to 3600 s  calls 9 s offline" in shell("plan", "get", "new").stdout
    assert [each["hold_id"] for each in answer(shell("holds", "--gateway", "gw", "--json"))] == [
        "a"
    ]
    assert answer(shell("holds", "--gateway", "gw", "--epoch-below", "1", "--json")) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("plan", "put", "new@1", "--calls", "max"), "no term=value"),
        (("plan", "put", "new@1", "--calls", "longest=5"), "no term=value"),
        (("plan", "put", "new@1", "--calls", "max=soon"), "no such value"),
        (("plan", "put", "new@1", "--calls", "final=hangup"), "no such value"),
        (("reserve", "acme", "5", "--gateway", "gw"), "both or neither"),
        (("reserve", "acme", "5", "--epoch", "5"), "both or neither"),
        (("holds",), "ACCOUNT or --gateway"),
    ],
)
def test_wrong_words_about_calls(shell: Shell, words: tuple[str, ...], told: str) -> None:
    result = shell(*words)
    assert result.exit_code == 2
    assert told in result.stderr
