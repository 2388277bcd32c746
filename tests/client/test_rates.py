"""Usage, quotes and rate cards with both clients, and on the command line."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

import creditgate
from creditgate import CycleUnit, Rate, RateTier, ReplacedHold, Usage
from tests.client.conftest import Fake, Shell, answer

CALL = Rate.of("voice.call", unit_price="0.6", unit_size=60, connection_fee="0.05", increment=6)
TOKENS = Rate.of("tokens.output", model="large", unit_price="0.5", tiers=[(100, "0.25")])


@pytest.fixture(autouse=True)
def priced(fake: Fake) -> None:
    with fake.client() as client:
        client.put_rate_card("std", version=1, rates=[TOKENS, CALL], name="Standard")
        client.put_plan("pro", version=1, allowance=0, cycle=CycleUnit.MONTH, rate_card_id="std")
        client.update_account("acme", plan="pro@1")
    fake.requests.clear()


def test_a_rate_card_is_read_as_it_was_written(fake: Fake) -> None:
    with fake.client() as client:
        card = client.get_rate_card("std")
        assert (card.rate_card_id, card.version, card.name) == ("std", 1, "Standard")
        assert card.rates == (TOKENS, CALL)
        assert TOKENS.tiers == (RateTier(from_quantity=100, unit_price_micros=250_000),)
        assert (CALL.unit_price, CALL.connection_fee) == (Decimal("0.6"), Decimal("0.05"))
        again = client.put_rate_card("std", version=1, rates=[CALL, TOKENS], name="Standard")
        assert again.replayed
        assert again.rate_card == card
        client.put_rate_card("other", version=1, rates=[])
        listed = list(client.list_rate_cards(page_size=1))
        assert [(each.rate_card_id, each.rates) for each in listed] == [("other", ()), ("std", ())]
        plan = client.get_plan("pro")
        assert (plan.rate_card_id, plan.rate_card_version) == ("std", 1)
        with pytest.raises(creditgate.NotFound):
            client.get_rate_card("std", version=2)
        with pytest.raises(creditgate.NotFound):
            client.put_plan("pro", version=2, rate_card_id="none")


def test_usage_is_quoted_held_raised_and_committed(fake: Fake) -> None:
    call = Usage("voice.call", 61)
    with fake.client() as client:
        quote = client.quote("acme", usage=call)
        assert (quote.price, quote.rate) == (Decimal("0.71"), CALL)
        assert quote.affordable_quantity == 9990
        held = client.reserve("acme", hold_id="work", usage=call)
        assert (held.asked, held.affordable_quantity) == (Decimal("0.71"), 9990)
        hold = held.raise_if_denied()
        assert (hold.granted_quantity, hold.used_quantity, hold.rate) == (66, 0, CALL)
        raised = client.extend("acme", hold_id="work", quantity=120, used_quantity=30)
        assert (raised.asked, raised.charged) == (Decimal("1.25"), Decimal("0.35"))
        settled = client.commit("acme", hold_id="work", used_quantity=78)
        assert (settled.hold.charged, settled.hold.used_quantity) == (Decimal("0.83"), 78)
        spent = client.charge("acme", hold_id="c", usage=Usage("tokens.output", 102, "large"))
        assert spent.asked == Decimal("50.5")
        with pytest.raises(creditgate.Unpriced):
            client.charge("acme", hold_id="d", usage=Usage("tokens.output", 1))


def test_what_is_asked_is_said_in_one_way(fake: Fake) -> None:
    with fake.client() as client:
        with pytest.raises(TypeError):
            client.reserve("acme", hold_id="a")
        with pytest.raises(TypeError):
            client.charge("acme", hold_id="a", amount=1, usage=Usage("voice.call", 1))
        with pytest.raises(TypeError):
            client.extend("acme", hold_id="a", total=1, quantity=1)
        with pytest.raises(TypeError):
            client.extend("acme", hold_id="a", used=1, used_quantity=1)
        with pytest.raises(TypeError):
            client.commit("acme", hold_id="a")
        with pytest.raises(TypeError):
            client.commit("acme", hold_id="a", used=1, used_quantity=1)
    assert fake.sent() == []


def test_a_hold_counts_in_its_unit(fake: Fake) -> None:
    usage = Usage("tokens.output", 20, model="large")
    with fake.client() as client:
        with client.hold("acme", usage=usage, hold_id="work") as hold:
            assert hold.affordable("tokens") == hold.affordable("tokens.output") == 20
            hold.use(quantity=5)
            hold.use(quantity=3)
            hold.use(total_quantity=7)
            assert hold.affordable() == 12
            hold.extend(quantity=30)
            assert (hold.hold.charged, hold.affordable()) == (Decimal(4), 22)
            for wrong in ("token", "voice.call"):
                with pytest.raises(ValueError, match="not of"):
                    hold.affordable(wrong)
            with pytest.raises(TypeError):
                hold.use(1)
            with pytest.raises(TypeError):
                hold.use(quantity=1, total_quantity=2)
            hold.use(total_quantity=10)
        kept = fake.hold()
        assert kept is not None
        assert (kept.charged_micros, kept.used_quantity) == (5_000_000, 10)

        with client.hold("acme", amount=2, hold_id="amount") as hold:
            with pytest.raises(ValueError, match="no unit"):
                hold.affordable("tokens")
            with pytest.raises(TypeError):
                hold.use(quantity=1)
        assert fake.state("amount") == "RELEASED"
        with client.hold("acme", usage=usage, hold_id="credits") as hold:
            hold.use("0.5")
            with pytest.raises(TypeError):
                hold.use(quantity=1)
        assert fake.state("credits") == "COMMITTED"


SEVERAL = [Usage("voice.call", 61), Usage("tokens.output", 20, model="large")]


def test_several_meters_are_held_raised_and_committed_together(fake: Fake) -> None:
    with fake.client() as client:
        held = client.reserve("acme", hold_id="reply", usages=SEVERAL).raise_if_denied()
        assert (held.granted, held.rate) == (Decimal("10.71"), None)
        call, tokens = held.lines
        assert (call.meter, call.model, call.rate) == ("voice.call", "", CALL)
        assert (tokens.name, tokens.quantity) == (("tokens.output", "large"), 20)
        assert (call.affordable_quantity, tokens.affordable_quantity) == (66, 20)
        more = [Usage("tokens.output", 30, model="large")]
        raised = client.extend("acme", hold_id="reply", quantities=more, used_quantities=SEVERAL)
        assert (raised.asked, raised.charged) == (Decimal("15.71"), Decimal("10.71"))
        used = [Usage("tokens.output", 22, model="large")]
        settled = client.commit("acme", hold_id="reply", used_quantities=used)
        assert settled.hold.charged == Decimal("11.71")
        assert [line.used_quantity for line in settled.hold.lines] == [61, 22]
        assert client.charge("acme", hold_id="c", usages=SEVERAL).asked == Decimal("10.71")
        with pytest.raises(creditgate.Unpriced):
            client.charge("acme", hold_id="d", usages=[*SEVERAL, Usage("tokens.output", 1)])
        for wrong in (
            {"amount": 1, "usages": SEVERAL},
            {"usage": SEVERAL[0], "usages": SEVERAL},
        ):
            with pytest.raises(TypeError):
                client.reserve("acme", hold_id="a", **wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            client.commit("acme", hold_id="a", used=1, used_quantities=SEVERAL)


def test_a_hold_counts_its_lines(fake: Fake) -> None:
    with fake.client() as client:
        with client.hold("acme", usages=SEVERAL, hold_id="reply") as hold:
            assert (hold.affordable("tokens"), hold.affordable("voice.call")) == (20, 66)
            hold.use(quantities={"tokens.output": 5, "voice.call": 30})
            hold.use(quantities={("tokens.output", "large"): 3})
            hold.use(total_quantities={"voice.call": 29, "tokens": 7})
            assert (hold.affordable("tokens"), hold.affordable("voice.call")) == (12, 36)
            hold.extend(quantities={"tokens.output": 30})
            assert (hold.hold.charged, hold.affordable("tokens")) == (Decimal("4.35"), 22)
            for wrong in ("token", "", ("tokens.output", "")):
                with pytest.raises(ValueError, match="names"):
                    hold.use(quantities={wrong: 1})
            with pytest.raises(ValueError, match="names 0"):
                hold.affordable("chat")
            with pytest.raises(ValueError, match="0 or more"):
                hold.use(quantities={"tokens": -1})
            for other in ({"amount": 1}, {"quantity": 1}, {"quantities": {}, "total": 1}):
                with pytest.raises(TypeError):
                    hold.use(**other)
            hold.use(quantities={"tokens": 2})
        kept = fake.hold("reply")
        assert kept is not None
        assert [line.used_quantity for line in kept.lines] == [30, 10]
        assert kept.charged_micros == 5_350_000
        with client.hold("acme", usages=SEVERAL, hold_id="unused"):
            pass
        assert fake.state("unused") == "RELEASED"
        client.reserve("acme", hold_id="again", usages=SEVERAL)
        client.commit("acme", hold_id="again", used_quantities=SEVERAL, keep_open=True)
        with client.hold("acme", usages=SEVERAL, hold_id="again") as hold:
            hold.use(quantities={"tokens": 1})
        kept = fake.hold("again")
        assert kept is not None
        assert [line.used_quantity for line in kept.lines] == [61, 21]


def test_a_hold_takes_the_place_of_another(fake: Fake) -> None:
    call = Usage("voice.call", 61)
    with fake.client() as client:
        client.reserve("acme", hold_id="leg-1", usage=call)
        leg = ReplacedHold(hold_id="leg-1", used_quantity=31, termination_cause="transferred")
        second = client.reserve("acme", hold_id="leg-2", usage=call, replaces=leg)
        assert second.granted
        assert second.replaced is not None
        assert second.replaced.charged == second.replaced.hold.charged == Decimal("0.41")
        assert second.replaced.hold.termination_cause == "transferred"
        again = client.reserve("acme", hold_id="leg-2", usage=call, replaces=leg)
        assert again.replayed
        assert again.replaced is not None
        assert again.replaced.charged == 0
        assert client.reserve("acme", hold_id="other", amount=1).replaced is None
        late = ReplacedHold(hold_id="leg-1", used=1)
        with pytest.raises(creditgate.HoldCommitted):
            client.reserve("acme", hold_id="leg-3", usage=call, replaces=late)
        for wrong in (
            ReplacedHold(hold_id="other"),
            ReplacedHold(hold_id="other", used=1, used_quantity=1),
        ):
            with pytest.raises(TypeError):
                client.reserve("acme", hold_id="w", amount=1, replaces=wrong)


def test_a_quote_may_promise_its_price(fake: Fake) -> None:
    call = Usage("voice.call", 61)
    with fake.client() as client:
        plain = client.quote("acme", usage=call)
        assert (plain.token, plain.pinned_until) == ("", None)
        with pytest.raises(ValueError, match="pin_for_seconds"):
            client.reserve("acme", hold_id="work", usage=call, quote=plain)
        quote = client.quote("acme", usage=call, pin_for_seconds=60)
        assert quote.pinned_until == quote.balance.as_of + timedelta(seconds=60)
        several = client.quote("acme", usages=SEVERAL)
        assert (several.price, several.rate) == (Decimal("10.71"), None)
        assert [line.price for line in several.lines] == [Decimal("0.71"), Decimal(10)]
        dear = Rate.of("voice.call", unit_price=50)
        client.put_rate_card("dear", version=1, rates=[dear])
        client.put_plan("top", version=1, allowance=0, rate_card_id="dear")
        client.update_account("acme", plan="top@1")
        held = client.reserve("acme", hold_id="work", usage=call, quote=quote)
        assert held.asked == Decimal("0.71")
        spent = client.charge("acme", hold_id="c", usage=call, quote=quote.token)
        assert spent.asked == Decimal("0.71")
        with client.hold("acme", hold_id="reply", usages=SEVERAL, quote=quote) as hold:
            assert hold.granted == Decimal("10.71")
        for wrong in ({}, {"usage": call, "usages": SEVERAL}):
            with pytest.raises(TypeError):
                client.quote("acme", **wrong)  # type: ignore[arg-type]
        for bad in ({"usage": call, "quote": "forged"}, {"amount": 1, "quote": quote}):
            with pytest.raises(creditgate.InvalidRequest) as told:
                client.reserve("acme", hold_id="w", **bad)  # type: ignore[arg-type]
            assert told.value.field == "quote_token"
        fake.advance(seconds=60)
        with pytest.raises(creditgate.QuoteExpired):
            client.charge("acme", hold_id="d", usage=call, quote=quote)


async def test_the_same_without_blocking(fake: Fake) -> None:
    usage = Usage("tokens.output", 20, model="large")
    async with fake.async_client() as client:
        async with client.hold("acme", usage=usage, hold_id="work") as hold:
            hold.use(quantity=hold.affordable("tokens") - 8)
            await hold.extend(quantity=25)
        assert (await client.get_hold("acme", hold_id="work")).hold.charged == 6
        async with client.hold("acme", usages=SEVERAL, hold_id="reply") as hold:
            hold.use(quantities={"tokens": 4})
            await hold.extend(quantities={"tokens": 25})
            hold.use(total_quantities={"voice.call": 1})
        kept = (await client.get_hold("acme", hold_id="reply")).hold
        assert [line.used_quantity for line in kept.lines] == [1, 4]
        quote = await client.quote("acme", usage=usage, pin_for_seconds=5)
        assert quote.price == 10
        assert (await client.charge("acme", hold_id="c", usage=usage, quote=quote)).asked == 10
        await client.put_rate_card("next", version=1, rates=[CALL])
        assert [card.rate_card_id async for card in client.list_rate_cards()] == ["next", "std"]
        assert (await client.get_rate_card("next")).rates == (CALL,)
        await asyncio.sleep(0)


def test_on_the_command_line(shell: Shell, local: Path) -> None:
    file = local / "card.json"
    rate = {"meter": "chat.message", "unit_price": "2", "tiers": [
        {"from_quantity": 2, "unit_price": "1"}
    ]}  # fmt: skip
    file.write_text(json.dumps({"rate_card_id": "std", "version": 2, "rates": [rate]}))
    put = answer(shell("rate-card", "put", "card.json", "--json"))
    assert put["rate_card"]["rates"][0]["unit_price_micros"] == 2_000_000
    assert answer(shell("rate-card", "get", "std", "--json"))["version"] == 2
    assert "voice.call" in shell("rate-card", "get", "std", "--version", "1").stdout
    assert "std@2" in shell("rate-card", "list").stdout
    plan = answer(shell("plan", "put", "pro@2", "--rate-card", "std", "--json"))
    assert plan["plan"]["rate_card_version"] == 2
    assert shell("account", "update", "acme", "--plan", "pro@2").exit_code == 0
    assert "price 5" in shell("quote", "acme", "chat.message", "3").stdout
    pinned = answer(shell("quote", "acme", "--of", "chat.message=3", "--pin-for", "60", "--json"))
    assert pinned["lines"][0]["price_micros"] == 5_000_000
    told = shell("quote", "acme", "chat.message", "1", "--pin-for", "60").stdout
    assert "with --quote" in told
    promised = ("--of", "chat.message=3", "--quote", pinned["token"])
    assert "granted" in shell("charge", "acme", "--hold", "q", *promised).stdout
    assert shell("quote", "acme", "chat.message").exit_code == 2
    work = ("--meter", "chat.message", "--quantity")
    held = shell("reserve", "acme", "--hold", "a", *work, "3")
    assert "0 of 3 chat.message" in held.stdout
    assert shell("extend", "acme", "a", "--quantity", "5", "--used-quantity", "1").exit_code == 0
    settled = answer(shell("commit", "acme", "a", "--quantity", "4", "--json"))
    assert settled["hold"]["charged_micros"] == 6_000_000
    assert "granted" in shell("charge", "acme", "--hold", "b", *work, "1").stdout
    several = ("--of", "chat.message=3", "--of", "chat.message,large=1")
    held = shell("reserve", "acme", "--hold", "c", *several)
    assert "0 of 3 chat.message  0 of 1 chat.message large" in held.stdout
    raised = shell("extend", "acme", "c", "--of", "chat.message=4", "--used-of", "chat.message=2")
    assert "2 of 4 chat.message" in raised.stdout
    settled = answer(shell("commit", "acme", "c", "--of", "chat.message,large=1", "--json"))
    assert settled["hold"]["charged_micros"] == 6_000_000
    assert settled["hold"]["lines"][0]["used_quantity"] == 2
    assert "granted" in shell("charge", "acme", "--hold", "d", *several).stdout
    moved = ("reserve", "acme", "1", "--hold", "e", "--replaces", "a")
    assert "replaced hold a" in shell(*moved, "--replaced-used", "6").stdout
    shell("reserve", "acme", "--hold", "f", *several)
    more = ("reserve", "acme", "1", "--hold", "g", "--replaces", "f")
    said = answer(shell(*more, "--replaced-of", "chat.message=3", "--json"))
    assert said["replaced"]["charged_micros"] == 5_000_000
    for wrong in (
        ("reserve", "acme", "1", "--replaces", "a"),
        ("reserve", "acme", "1", "--replaced-used", "1"),
        ("reserve", "acme", "1", *several),
        ("reserve", "acme", "--of", "chat.message"),
        ("reserve", "acme", "--of", "=3"),
        ("reserve", "acme", *several, *work, "1"),
        ("commit", "acme", "a", "1", *several),
        ("extend", "acme", "a", "1", *several),
        ("reserve", "acme"),
        ("reserve", "acme", "1", *work, "1"),
        ("charge", "acme", "--meter", "chat.message"),
        ("commit", "acme", "a"),
        ("extend", "acme", "a", "1", "--quantity", "1"),
    ):
        assert shell(*wrong).exit_code == 2


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        "[]",
        "{}",
        '{"rates": []}',
        '{"rate_card_id": "a", "rates": [{"meter": "m"}]}',
        '{"rate_card_id": "a", "rates": [{"meter": "m", "unit_price": 0.5}]}',
        '{"rate_card_id": "a", "rates": [{"meter": "m", "unit_price": "x"}]}',
        '{"rate_card_id": "a", "rates": [{"meter": "m", "unit_price": 1, "per": 2}]}',
        '{"rate_card_id": "a", "version": "1", "rates": []}',
        '{"rate_card_id": "a", "colour": "1", "rates": []}',
    ],
)
def test_a_file_that_is_no_rate_card_is_refused(text: str, shell: Shell, local: Path) -> None:
    (local / "card.json").write_text(text)
    told = shell("rate-card", "put", "card.json")
    assert told.exit_code == 2
    assert "FILE" in told.stderr
