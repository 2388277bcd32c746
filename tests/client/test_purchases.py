"""Packages and unpaid grants with both clients, and on the command line."""

from __future__ import annotations

import asyncio

import pytest

import creditgate
from creditgate import GrantState, PackageOrder
from tests.client.conftest import Fake, Shell, answer


def test_packages_are_written_bought_and_confirmed(fake: Fake) -> None:
    with fake.client() as client:
        written = client.put_package(
            "coins", version=1, amount=50, name="Coins", priority=3, valid_for_seconds=60
        )
        assert (
            client.put_package("tokens", version=1, amount="0.5").package.amount_micros == 500_000
        )
        assert (
            client.get_package("coins") == written.package == client.get_package("coins", version=1)
        )
        assert written.package.amount == 50
        assert written.package.valid_for_seconds == 60
        assert [each.package_id for each in client.list_packages(page_size=1)] == [
            "coins",
            "tokens",
        ]
        with pytest.raises(creditgate.NameReused):
            client.put_package("coins", version=1, amount=51)

        bought = client.buy_package(
            "acme", grant_id="b", package_id="coins", quantity=2, unpaid=True
        )
        assert bought.grant.package == PackageOrder(package_id="coins", version=1, quantity=2)
        assert (bought.grant.state, bought.grant.priority) == (GrantState.UNPAID, 3)
        assert bought.balance.settled == 100
        assert client.get_account("acme").unpaid == 100
        confirmed = client.confirm_grant("acme", grant_id="b")
        assert confirmed.grant.state is GrantState.LIVE
        assert confirmed.balance.settled == 200
        assert not confirmed.replayed

        client.add_grant("acme", grant_id="c", amount=5, unpaid=True)
        assert client.revoke_grant("acme", grant_id="c").revoked == 5
        with pytest.raises(creditgate.GrantRevoked):
            client.confirm_grant("acme", grant_id="c")
        with pytest.raises(creditgate.NotFound):
            client.buy_package("acme", grant_id="d", package_id="none")

    async def read() -> list[str]:
        async with fake.async_client() as waiting:
            await waiting.buy_package("acme", grant_id="e", package_id="tokens")
            return [each.package_id async for each in waiting.list_packages()]

    assert asyncio.run(read()) == ["coins", "tokens"]


def test_on_the_command_line(shell: Shell) -> None:
    put = shell("package", "put", "coins@1", "50", "--valid-for", "60", "--priority", "2")
    assert put.stdout == "package coins@1  50 credits  valid for 60 s\n"
    assert answer(shell("package", "get", "coins", "--json"))["amount"] == "50"
    assert answer(shell("package", "get", "coins@1", "--json"))["priority"] == 2
    assert len(answer(shell("package", "list", "--json"))) == 1
    bought = shell("buy", "acme", "coins", "--quantity", "2", "--grant", "b", "--unpaid")
    assert "unpaid  remaining 100 of 100  2 x coins@1" in bought.stdout
    assert "unpaid 100" in shell("account", "show", "acme").stdout
    confirmed = answer(shell("confirm", "acme", "b", "--json"))
    assert (confirmed["grant"]["state"], confirmed["balance"]["settled"]) == ("LIVE", "200")
    made_up = shell("buy", "acme", "coins@1")
    assert made_up.stderr.startswith("grant ")
    assert "unpaid" in shell("grant", "acme", "5", "--unpaid").stdout
    missing = shell("buy", "acme", "none@1", "--grant", "x")
    assert missing.exit_code == 1
    assert "PACKAGE_NOT_FOUND" in missing.stderr
