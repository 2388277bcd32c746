"""What is called: requests that never repeat, and what their answers must be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, islice
from random import Random
from typing import Any, NamedTuple

from google.protobuf.duration_pb2 import Duration

from bench.job import Job
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import hold_pb2

AMOUNT_MICROS = 1_000
USAGES = (
    ("tokens.output", "small", 900),
    ("tokens.input", "small", 4_000),
    ("tokens.cached", "small", 1_000),
    ("tools.call", "", 2),
)
"""Work that is reserved by usage: the first, or all of them."""
BATCH = 16
"""Operations of one BatchAuthorize."""
_USAGES = [hold_pb2.Usage(meter=m, model=model, quantity=n) for m, model, n in USAGES]
_SERVICE = b"/creditgate.v1.CreditAuthorizationService/"
# Long enough that nothing falls due while it is measured.
_TTL = Duration(seconds=3_600)
_GRANTED = {pb.DECISION_GRANTED: "granted", pb.DECISION_GRANTED_PARTIAL: "partial"}


class Request(NamedTuple):
    """One call: what it is, its bytes, and the names of the holds it is about."""

    kind: str
    path: bytes
    message: bytes
    hold_ids: tuple[str, ...]


def reserves(job: Job, slot: int) -> Iterator[Request]:
    """Reserve of a new hold, on an account drawn from all of them."""
    random = Random(f"{job.seed}-{slot}")
    for number in count():
        account_id = f"account-{random.randrange(job.accounts)}"
        yield _reserve(account_id, f"{job.names}-{slot}-{number}")


def metered(job: Job, slot: int) -> Iterator[Request]:
    """The same by usage: tokens that a rate card prices."""
    return _priced(job, slot, usage=_USAGES[0])


def lines(job: Job, slot: int) -> Iterator[Request]:
    """The same by the usages of several meters."""
    return _priced(job, slot, usages=hold_pb2.Usages(usages=_USAGES))


def _priced(job: Job, slot: int, **price: Any) -> Iterator[Request]:
    random = Random(f"{job.seed}-{slot}")
    for number in count():
        yield _request(
            "reserve",
            pb.ReserveRequest(
                account_id=f"account-{random.randrange(job.accounts)}",
                hold_id=f"{job.names}-{slot}-{number}",
                ttl=_TTL,
                **price,
            ),
        )


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


def batches(job: Job, slot: int) -> Iterator[Request]:
    """BatchAuthorize of a number of Reserves, as a gateway that gathers calls sends them."""
    single = reserves(job, slot)
    while True:
        holds = list(islice(single, BATCH))
        message = pb.BatchAuthorizeRequest(
            operations=[
                pb.AuthorizeRequest(
                    request_id=str(number), reserve=pb.ReserveRequest.FromString(each.message)
                )
                for number, each in enumerate(holds)
            ]
        )
        path = _SERVICE + b"BatchAuthorize"
        ids = tuple(each.hold_ids[0] for each in holds)
        yield Request("batch", path, message.SerializeToString(), ids)


WORKS: dict[str, Callable[[Job, int], Iterator[Request]]] = {
    "reserves": reserves,
    "metered": metered,
    "lines": lines,
    "turns": turns,
    "cycles": cycles,
    "batches": batches,
}


def verdicts(request: Request, status: int, message: bytes) -> list[str]:
    """Say in a word or two how each operation of a call ended.

    An answer about anything else than was asked is `wrong`.
    """
    if status:
        return [f"{request.kind} status {status}"] * len(request.hold_ids)
    if message == request.message:
        return [f"{request.kind} echoed"]
    response: Any = _RESPONSES[request.kind].FromString(message)
    if request.kind == "batch":
        pairs = zip(response.results, request.hold_ids, strict=True)
        return [_verdict("reserve", each.reserve, hold_id) for each, hold_id in pairs]
    return [_verdict(request.kind, response, request.hold_ids[0])]


def _verdict(kind: str, response: Any, hold_id: str) -> str:
    ended = "accepted" if kind == "commit" else _GRANTED.get(response.decision, "denied")
    right = ended == "denied" or response.hold.hold_id == hold_id
    return f"{kind} {ended}" if right else f"{kind} wrong"


_RESPONSES: dict[str, Any] = {
    "reserve": pb.ReserveResponse,
    "extend": pb.ExtendResponse,
    "commit": pb.CommitResponse,
    "batch": pb.BatchAuthorizeResponse,
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
    return Request(kind, path, message.SerializeToString(), (message.hold_id,))
