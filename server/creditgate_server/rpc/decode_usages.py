"""Quantities in requests of CreditAuthorizationService: work in the caller's own units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import hold_pb2
from creditgate_server.domain.rates import USAGES_MAX, Usage

from . import fields

_New = pb.ReserveRequest | pb.ChargeRequest
_Reporting = pb.ExtendRequest | pb.CommitRequest


def quoted(request: pb.QuoteRequest) -> tuple[Usage, ...]:
    """Check and answer the usage or usages of a Quote."""
    if not request.usages:
        return (usage(request),)
    if request.HasField("usage"):
        raise fields.bad(request, "usages", "must not come with usage")
    return tuple(_checked(request, "usages", request.usages))


def usage(request: pb.QuoteRequest | _New) -> Usage:
    """Check and answer the usage of a request."""
    if not request.HasField("usage"):
        raise fields.bad(request, "usage", "must be set, or usages")
    return _usage(request, "usage", request.usage, low=1)


def usages(request: _New) -> tuple[Usage, ...]:
    """Check and answer the usages of a request for several meters."""
    given = _checked(request, "usages.usages", request.usages.usages)
    return tuple(each._replace(used_quantity=0) for each in given)


def depending(works: tuple[Usage, ...]) -> tuple[Usage, ...]:
    """Make an operation with these usages depend on the one before it."""
    first, *rest = works or (Usage(),)
    return (first._replace(depends=True), *rest)


def reported(request: _Reporting) -> tuple[dict[str, int], tuple[Usage, ...]]:
    """Check and answer what an Extend or a Commit says of totals, asked for and used.

    Numbers come by the names of their fields, quantities as usages: those of lines first.
    """
    said: dict[str, int] = {}
    lines: dict[tuple[str | None, str | None], Usage] = {}
    total = request.WhichOneof("total") if isinstance(request, pb.ExtendRequest) else None
    for name in (total, request.WhichOneof("used")):
        if name == "quantities":
            for each in _listed(request, name):
                lines[each[:2]] = each
        elif name == "used_quantities":
            for each in _listed(request, name):
                line = lines.get(each[:2]) or Usage(*each[:2])
                lines[each[:2]] = line._replace(used_quantity=each.quantity)
        elif name is not None:
            low = 0 if name.startswith("used") else 1
            said[name] = fields.amount(request, name, getattr(request, name), low=low)
    works = tuple(lines.values())
    if "quantity" in said or "used_quantity" in said:
        plain = Usage(quantity=said.get("quantity"), used_quantity=said.get("used_quantity"))
        return said, (*works, plain)
    return said, works


def named(
    request: pb.QuoteRequest | _New | _Reporting | pb.ReleaseRequest, place: int
) -> dict[str, str]:
    """Answer the meter and the model of a usage of a request that was checked before.

    `place` counts from 1 in the order in which they were answered. Empty where it names none.
    """
    works: tuple[Usage, ...] = ()
    if isinstance(request, pb.ExtendRequest | pb.CommitRequest):
        works = reported(request)[1]
    elif isinstance(request, pb.QuoteRequest):
        works = quoted(request)
    elif isinstance(request, pb.ReserveRequest | pb.ChargeRequest):
        works = usages(request) if request.HasField("usages") else (usage(request),)
    meter, model = works[place - 1][:2] if works else (None, None)
    return {} if meter is None else {"meter": meter, "model": model or ""}


def meaning(works: tuple[Usage, ...]) -> list[str]:
    """Name the parts that usages add to what a request means; their order is none of it."""
    works = tuple(work for work in works if work.meter is not None)
    parts = [f"usages={len(works)}"] if works and works[0].used_quantity is not None else []
    for work in sorted(works, key=lambda work: (work.meter or "", work.model or "")):
        parts += [f"meter={work.meter}", f"model={work.model}", f"quantity={work.quantity}"]
        if work.gateway_id is not None:
            parts += [f"gateway_id={work.gateway_id}", f"gateway_epoch={work.gateway_epoch}"]
    if works and works[0].rate_card_id is not None:
        parts.append(f"rate_card={works[0].rate_card_version}@{works[0].rate_card_id}")
    return parts


def _listed(request: _Reporting, field: str) -> list[Usage]:
    return _checked(request, f"{field}.usages", getattr(request, field).usages)


def _checked(
    request: pb.QuoteRequest | _New | _Reporting, path: str, given: Sequence[hold_pb2.Usage]
) -> list[Usage]:
    if not 1 <= len(given) <= USAGES_MAX:
        raise fields.bad(request, path, f"must be 1 to {USAGES_MAX}, got {len(given)}")
    works = [_usage(request, f"{path}[{place}]", each, low=0) for place, each in enumerate(given)]
    for place in _again(work[:2] for work in works):
        problem = "must have another meter or model than those before it"
        raise fields.bad(request, f"{path}[{place}]", problem)
    return works


def _again(names: Iterable[tuple[str | None, str | None]]) -> Iterable[int]:
    """Answer the places of names that were there before."""
    known = set()
    for place, name in enumerate(names):
        if name in known:
            yield place
        known.add(name)


def _usage(
    request: pb.QuoteRequest | _New | _Reporting, path: str, work: hold_pb2.Usage, *, low: int
) -> Usage:
    return Usage(
        fields.text(request, f"{path}.meter", work.meter, low=1),
        fields.text(request, f"{path}.model", work.model),
        fields.amount(request, f"{path}.quantity", work.quantity, low=low),
    )
