"""The requests about requests for credits."""

from __future__ import annotations

from creditgate._messages.convert import (
    instant,
    optional_instant,
    word,
)
from creditgate._messages.work import (
    Call,
)
from creditgate._types.base import Page
from creditgate._types.topup import AutoTopup, Topup, TopupRefusal, TopupState
from creditgate.v1 import account_pb2
from creditgate.v1 import account_service_pb2 as messages


def refuse_topup(account_id: str, *, request_id: str, reason: str) -> Call[TopupRefusal]:
    request = messages.RefuseTopupRequest(
        account_id=account_id, request_id=request_id, reason=reason
    )
    return Call("RefuseTopup", request, read_refusal)


def list_topups(account_id: str, *, page_size: int, page_token: str) -> Call[Page[Topup]]:
    request = messages.ListTopupsRequest(
        account_id=account_id, page_size=page_size, page_token=page_token
    )
    return Call("ListTopups", request, read_topups, writes=False)


def auto_topup_message(wish: AutoTopup) -> account_pb2.AutoTopup:
    """An automatic top-up as messages have it."""
    return account_pb2.AutoTopup(
        enabled=wish.enabled,
        below_micros=wish.below_micros,
        amount_micros=wish.amount_micros,
        month_max_micros=wish.month_max_micros,
    )


def read_auto_topup(account: account_pb2.Account) -> AutoTopup | None:
    """What an account asks for; None where it was never set."""
    if not account.HasField("auto_topup"):
        return None
    it = account.auto_topup
    return AutoTopup(
        below_micros=it.below_micros,
        amount_micros=it.amount_micros,
        month_max_micros=it.month_max_micros,
        enabled=it.enabled,
    )


def read_topup(topup: account_pb2.Topup) -> Topup:
    return Topup(
        request_id=topup.request_id,
        state=TopupState(word(account_pb2.TopupState, topup.state)),
        amount_micros=topup.amount_micros,
        reason=topup.reason,
        created_at=instant(topup.created_at),
        ended_at=optional_instant(topup, "ended_at"),
    )


def read_refusal(answer: messages.RefuseTopupResponse) -> TopupRefusal:
    return TopupRefusal(topup=read_topup(answer.topup), replayed=answer.replayed)


def read_topups(answer: messages.ListTopupsResponse) -> Page[Topup]:
    items = tuple(map(read_topup, answer.topups))
    return Page(items=items, next_page_token=answer.next_page_token)
