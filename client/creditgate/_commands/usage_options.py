"""How the command line takes quantities of several meters."""

from __future__ import annotations

import click

from creditgate._types.rate import Usage

OF = click.option(
    "--of",
    "several",
    multiple=True,
    metavar="METER[,MODEL]=QUANTITY",
    help="One of several meters, in the place of an amount; once for each.",
)


def usages_of(several: tuple[str, ...], *others: object) -> list[Usage] | None:
    """The usages given in the place of others; None where there are none."""
    if several and any(other is not None for other in others):
        raise click.UsageError("quantities of several meters stand in the place of all others")
    return [_one_of(each) for each in several] or None


def _one_of(text: str) -> Usage:
    """Read `METER=QUANTITY` or `METER,MODEL=QUANTITY`."""
    names, _, quantity = text.rpartition("=")
    meter, _, model = names.partition(",")
    if not (meter and quantity.isascii() and quantity.isdigit()):
        raise click.UsageError(f"a meter and its quantity, such as tokens.input=900, not {text!r}")
    return Usage(meter=meter, model=model, quantity=int(quantity))
