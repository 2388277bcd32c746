"""Requests about calls with one field wrong, and the name of that field."""

from __future__ import annotations

from typing import Any

from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import authorization_service_pb2 as messages
from creditgate.v1 import hold_pb2

MAX = 10**18
USAGE = hold_pb2.Usage(meter="voice.call", quantity=60)
USAGES = hold_pb2.Usages(usages=[USAGE])
RIGHT: dict[str, Any] = {"gateway_id": "gw", "gateway_epoch": 1}


def _reserve(call: dict[str, Any], **price: Any) -> messages.ReserveRequest:
    body: dict[str, Any] = price or {"usage": USAGE}
    leg = hold_pb2.Call(**RIGHT | call)
    return messages.ReserveRequest(account_id="acme", hold_id="call", call=leg, **body)


WRONG: list[tuple[Any, str]] = [
    (_reserve({}, amount_micros=5), "usage"),
    (_reserve({}, usages=USAGES), "usage"),
    (_reserve({"gateway_id": ""}), "call.gateway_id"),
    (_reserve({"gateway_id": "a b"}), "call.gateway_id"),
    (_reserve({"gateway_id": "a" * 129}), "call.gateway_id"),
    *[
        (_reserve({"gateway_epoch": epoch}), "call.gateway_epoch")
        for epoch in (0, -1, MAX + 1, 2**63 - 1)
    ],
    (accounts.ListHoldsRequest(), "account_id"),
    (accounts.ListHoldsRequest(account_id="acme", epoch_below=1), "epoch_below"),
    (accounts.ListHoldsRequest(gateway_id="a b"), "gateway_id"),
    (accounts.ListHoldsRequest(gateway_id="gw", account_id="a b"), "account_id"),
    (accounts.ListHoldsRequest(gateway_id="gw", epoch_below=-1), "epoch_below"),
    (accounts.ListHoldsRequest(gateway_id="gw", epoch_below=MAX + 1), "epoch_below"),
    (
        accounts.ListHoldsRequest(gateway_id="gw", state=hold_pb2.HOLD_STATE_COMMITTED),
        "state",
    ),
    (accounts.ListHoldsRequest(gateway_id="gw", page_size=-1), "page_size"),
    (accounts.ListHoldsRequest(gateway_id="gw", page_token="forged"), "page_token"),
]
