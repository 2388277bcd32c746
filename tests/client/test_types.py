"""What type checkers see: right programs pass, wrong ones do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from mypy import api

RIGHT = """
from decimal import Decimal
from typing import assert_type
import creditgate

async def waiting(credits_: creditgate.AsyncClient) -> None:
    async with credits_.hold("acme", amount="5") as hold:
        assert_type(hold, creditgate.AsyncHold)
        assert_type(hold.granted, Decimal)
        hold.use(Decimal("3.2"))
        assert_type(await hold.extend(9), creditgate.Extension)
    answer = await credits_.reserve("acme", hold_id="a", amount=5)
    assert_type(answer.raise_if_denied(), creditgate.Hold)
    assert_type(answer.balance.settled, Decimal)
    assert_type(answer.balance.settled_micros, int)
    async for account in credits_.list_accounts():
        assert_type(account, creditgate.Account)
    statement = await credits_.get_statement("acme")
    assert_type(statement, creditgate.AsyncStatement)
    assert_type(statement.closing, Decimal)
    async for entry in statement:
        assert_type(entry, creditgate.Entry)

def blocking(credits_: creditgate.Client) -> None:
    with credits_.hold("acme", amount=5) as hold:
        assert_type(hold, creditgate.SyncHold)
        assert_type(hold.report(), creditgate.Settlement)
    assert_type(credits_.get_balance("acme"), creditgate.Balance)
    assert_type([*credits_.list_holds("acme")], list[creditgate.Hold])
    assert_type(list(credits_.get_statement("acme")), list[creditgate.Entry])
    assert_type(credits_.get_plan("pro").hold_max, Decimal | None)
    assert_type(credits_.get_account("acme").plan, creditgate.PlanVersion | None)
"""
WRONG = """
import creditgate

def wrong(credits_: creditgate.Client, answer: creditgate.Reservation) -> None:
    credits_.charge("acme", hold_id="a", amount=0.1)
    credits_.charge("acme", "a", 5)
    credits_.hold("acme", amount=5, on_error="ignore")
    answer.hold.granted
    answer.balance.settled_micros = 5
"""


@pytest.mark.timeout(300)
def test_types(tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text(WRONG)
    options = ["--strict", "--no-error-summary", "--cache-dir", str(tmp_path / "cache")]
    config = ["--config-file", ""]
    found, problems, _ = api.run(
        [*options, *config, str(tmp_path / "right.py"), str(tmp_path / "wrong.py")]
    )
    assert problems == ""
    lines = [line.removeprefix(str(tmp_path)) for line in found.splitlines() if "error:" in line]
    assert [line for line in lines if line.startswith("/right.py")] == []
    assert sorted({int(line.split(":")[1]) for line in lines}) == [5, 6, 7, 8, 9]
