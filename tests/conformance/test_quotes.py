"""Prices that are promised by a quote."""

from __future__ import annotations

import pytest

from creditgate.v1 import authorization_service_pb2 as pb
from tests.conformance.caller import refused
from tests.conformance.waiting import together
from tests.conformance.wallet import CREDIT, Wallet, rate, usage
from tests.conformance.world import World, wait_until


def quoted(wallet: Wallet, pin_for: float) -> pb.QuoteResponse:
    return wallet.quote(usages=[usage(10)], pin_for=pin_for)


def test_c15_a_quoted_price_is_kept_for_as_long_as_was_asked(world: World) -> None:
    wallet = world.wallet(1_000 * CREDIT, rates=[rate()])
    quote = quoted(wallet, 60)
    assert (quote.price_micros, quote.lines[0].price_micros) == (10 * CREDIT, 10 * CREDIT)
    world.put_plan(wallet, 2, rates=[rate(unit_price_micros=7 * CREDIT)])
    kept = wallet.reserve("kept", usage=usage(10), quote_token=quote.quote_token)
    assert kept.hold.granted_micros == 10 * CREDIT
    assert wallet.commit("kept", used_quantity=12).hold.charged_micros == 12 * CREDIT
    charged = wallet.charge("tool", usage=usage(2), quote_token=quote.quote_token)
    assert charged.hold.charged_micros == 2 * CREDIT
    assert wallet.reserve("new", usage=usage(10)).hold.granted_micros == 70 * CREDIT


@pytest.mark.parametrize("spoil", ["another account's", "garbled", "cut short", "none"])
def test_c15_only_the_accounts_own_quotes_keep_a_price(world: World, spoil: str) -> None:
    wallet, other = (world.wallet(100 * CREDIT, rates=[rate()]) for _ in range(2))
    token = quoted(other if spoil == "another account's" else wallet, 60).quote_token
    token = {"garbled": token[::-1], "cut short": token[:-1], "none": "x"}.get(spoil, token)
    with refused("INVALID_FIELD") as told:
        wallet.reserve("reply", usage=usage(10), quote_token=token)
    assert told.value.fields == ("quote_token",)
    assert wallet.holds() == []


@together
def test_c15_a_price_is_kept_no_longer_than_was_asked(world: World) -> None:
    wallet = world.wallet(100 * CREDIT, rates=[rate()])
    quote = quoted(wallet, 2)
    wallet.reserve("before", usage=usage(10), quote_token=quote.quote_token)
    wait_until(quote.pinned_until, wallet)
    with refused("QUOTE_EXPIRED"):
        wallet.reserve("reply", usage=usage(10), quote_token=quote.quote_token)
    assert len(wallet.holds()) == 1
    # What was decided with it before is answered again all the same.
    again = wallet.reserve("before", usage=usage(10), quote_token=quote.quote_token)
    assert (again.replayed, again.hold.granted_micros) == (True, 10 * CREDIT)
