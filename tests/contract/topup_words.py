"""Requests for credits between the oracle's words, the stories', and the messages of the API."""

from __future__ import annotations

from decimal import Decimal

from creditgate._messages.convert import (
    word,
)
from creditgate.v1 import account_pb2
from tests.oracle.answers import AutoTopup, TopupView


def auto_topup(text: str) -> AutoTopup:
    """`10,50`, or `10,50,200` in a month: below, amount, most; `off` after it."""
    numbers = text.removesuffix(",off").split(",")
    below, amount, *most = (int(Decimal(each) * 1_000_000) for each in numbers)
    return AutoTopup(below, amount, sum(most), enabled=not text.endswith(",off"))


def to_auto_topup(wish: AutoTopup) -> account_pb2.AutoTopup:
    return account_pb2.AutoTopup(
        enabled=wish.enabled,
        below_micros=wish.below,
        amount_micros=wish.amount,
        month_max_micros=wish.month_max,
    )


def read_auto_topup(account: account_pb2.Account) -> AutoTopup | None:
    if not account.HasField("auto_topup"):
        return None
    it = account.auto_topup
    return AutoTopup(it.below_micros, it.amount_micros, it.month_max_micros, it.enabled)


def to_topup(topup: account_pb2.Topup) -> TopupView:
    return TopupView(
        topup.request_id,
        word(account_pb2.TopupState, topup.state),
        topup.amount_micros,
        topup.reason,
        topup.created_at.ToMicroseconds(),
        topup.ended_at.ToMicroseconds() if topup.HasField("ended_at") else None,
    )
