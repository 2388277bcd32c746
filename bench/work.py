"""What is called: requests that never repeat, and what their answers must be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Any, NamedTuple

from google.protobuf.duration_pb2 import Duration

from bench.job import Job
from creditgate.v1 import authorization_service_pb2 as pb

AMOUNT_MICROS = 1_000
_SERVICE = b"/creditgate.v1.CreditAuthorizationService/"
# Long enough that nothing falls due while it is measured.
_TTL = Duration(seconds=3_600)
_GRANTED = {pb.DECISION_GRANTED: "granted", pb.DECISION_GRANTED_PARTIAL: "partial"}


class Request(NamedTuple):
    """One call: what it is, its bytes, and the name of the hold it is about."""

    kind: str
    path: bytes
    message: bytes
    hold_id: str


def reserves(job: Job, slot: int) -> Iterator[Request]:
    """Reserve of a new hold, on an account drawn from all of them."""
    random = Random(f"{job.seed}-{slot}")
    for number in count():
        account_id = f"account-{random.randrange(job.accounts)}"
        yield _reserve(account_id, f"{job.names}-{slot}-{number}")


def turns(job: Job, slot: int) -> Iterator[Request]:
    """Reserve, Extend and Commit of a hold, one after the other: a turn of an agent."""
    random = Random(f"{job.seed}-{slot}")
    for number in count():
        account_id, hold_id = (
            f"account-{random.randrange(job.accounts)}",
            f"{job.names}-{slot}-{number}",
        )
        yield _reserve(account_id, hold_id)
        yield _request(
            "extend",
            pb.ExtendRequest(
                account_id=account_id,
                hold_id=hold_id,
                amount_micros=2 * AMOUNT_MICROS,
                used_micros=AMOUNT_MICROS // 2,
                ttl=_TTL,
            ),
        )
        yield _request(
            "commit",
            pb.CommitRequest(account_id=account_id, hold_id=hold_id, used_micros=AMOUNT_MICROS),
        )


def cycles(job: Job, slot: int) -> Iterator[Request]:
    """Reserve and Commit of a hold, one after the other."""
    return (request for request in turns(job, slot) if request.kind != "extend")


WORKS: dict[str, Callable[[Job, int], Iterator[Request]]] = {
    "reserves": reserves,
    "turns": turns,
    "cycles": cycles,
}


def verdict(request: Request, status: int, message: bytes) -> str:
    """Say in a word how a call ended; an answer about anything else than was asked is `wrong`."""
    if status:
        return f"{request.kind} status {status}"
    if message == request.message:
        return f"{request.kind} echoed"
    response: Any = _RESPONSES[request.kind].FromString(message)
    commits = request.kind == "commit"
    ended = "accepted" if commits else _GRANTED.get(response.decision, "denied")
    if ended != "denied" and response.hold.hold_id != request.hold_id:
        ended = "wrong"
    return f"{request.kind} {ended}"


_RESPONSES: dict[str, Any] = {
    "reserve": pb.ReserveResponse,
    "extend": pb.ExtendResponse,
    "commit": pb.CommitResponse,
}


def _reserve(account_id: str, hold_id: str) -> Request:
    return _request(
        "reserve",
        pb.ReserveRequest(
            account_id=account_id, hold_id=hold_id, amount_micros=AMOUNT_MICROS, ttl=_TTL
        ),
    )


def _request(kind: str, message: Any) -> Request:
    path = _SERVICE + kind.capitalize().encode()
    return Request(kind, path, message.SerializeToString(), message.hold_id)
