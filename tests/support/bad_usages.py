"""Bad values for usages of several meters, and the field an error must name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from creditgate.v1 import authorization_service_pb2 as messages
from creditgate.v1 import hold_pb2


def bad_replaces(totals: Iterable[int]) -> list[tuple[str, Any]]:
    """Answer what is replaced with one field wrong, and that field."""
    kind = messages.ReplacedHold
    return [
        ("replaces.hold_id", kind(used_micros=1)),
        ("replaces.hold_id", kind(hold_id="a b", used_micros=1)),
        ("replaces.used_micros", kind(hold_id="old")),
        ("replaces.termination_cause", kind(hold_id="old", used_micros=1, termination_cause="a b")),
        *[
            (f"replaces.{name}", each)
            for value in totals
            for name, each in (
                ("used_micros", kind(hold_id="old", used_micros=value)),
                ("used_quantity", kind(hold_id="old", used_quantity=value)),
            )
        ],
        *[
            (f"replaces.{name}", kind(hold_id="old", used_quantities=value))
            for name, value in bad_usages("used_quantities", totals)
        ],
    ]


def bad_usages(name: str, totals: Iterable[int]) -> list[tuple[str, Any]]:
    """Answer lists of usages with one wrong, and where."""

    def usages(*each: hold_pb2.Usage) -> hold_pb2.Usages:
        return hold_pb2.Usages(usages=each)

    good = hold_pb2.Usage(meter="m", quantity=0)
    many = (hold_pb2.Usage(meter=f"m{number}") for number in range(21))
    wrong = [
        ("", usages()),
        ("", usages(*many)),
        ("[1]", usages(good, hold_pb2.Usage(meter="m", quantity=7))),
        ("[1].meter", usages(good, hold_pb2.Usage(quantity=1))),
        ("[0].meter", usages(hold_pb2.Usage(meter="m" * 129), good)),
        ("[0].meter", usages(hold_pb2.Usage(meter="\0"))),
        ("[0].model", usages(hold_pb2.Usage(meter="m", model="m" * 129))),
        *[("[0].quantity", usages(hold_pb2.Usage(meter="m", quantity=value))) for value in totals],
    ]
    return [(f"{name}.usages{at}", value) for at, value in wrong]
