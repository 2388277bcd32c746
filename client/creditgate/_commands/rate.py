"""The commands about prices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from creditgate._commands.command import ACCOUNT, HELP, Session, command
from creditgate._commands.output import balance_line
from creditgate._commands.usage_options import OF, usages_of
from creditgate._types.rate import Quote, Rate, RateCard, Usage

FILE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


@command
@ACCOUNT
@click.argument("meter", required=False)
@click.argument("quantity", type=int, required=False)
@click.option("--model", default="", help="The model, where its rate is asked for.")
@OF
@click.option("--pin-for", type=float, default=0.0, help="Seconds to promise the price for.")
def quote(
    session: Session,
    *,
    account: str,
    meter: str | None,
    quantity: int | None,
    model: str,
    several: tuple[str, ...],
    pin_for: float,
) -> None:
    """Price QUANTITY units of METER, and tell how many the available credits buy."""
    usages = usages_of(several, meter, quantity)
    if usages is None and (meter is None or quantity is None):
        raise click.UsageError("either METER and QUANTITY are needed, or --of")
    usage = None if meter is None or quantity is None else Usage(meter, quantity, model)
    answer = session.client.quote(account, usage=usage, usages=usages, pin_for_seconds=pin_for)
    session.show(answer, *_quote_lines(answer), balance_line(answer.balance))


@click.group("rate-card", context_settings=HELP)
def rate_card() -> None:
    """Write and show what work costs."""


@command
@click.argument("file", type=FILE)
def put(session: Session, *, file: Path) -> None:
    r"""Write a version of a rate card from a JSON FILE.

    Such as:

    \b
    {"rate_card_id": "std", "version": 1, "rates": [
      {"meter": "voice.call", "model": "*", "unit_price": "0.1", "unit_size": 60,
       "initial": 30, "increment": 6}]}

    Terms of a rate: meter, model, unit_price and connection_fee in credits, unit_size, minimum,
    initial, increment, and tiers with from_quantity and unit_price.
    """
    card = _read(file)
    answer = session.client.put_rate_card(
        card["rate_card_id"],
        version=card["version"],
        rates=card["rates"],
        name=card.get("name", ""),
    )
    session.show(answer, *_card_lines(answer.rate_card))


@command
@click.argument("rate_card")
@click.option("--version", type=int, help="The version; the latest without.")
def get(session: Session, *, rate_card: str, version: int | None) -> None:
    """Show a version of a rate card."""
    answer = session.client.get_rate_card(rate_card, version=version)
    session.show(answer, *_card_lines(answer))


@command
def list_(session: Session) -> None:
    """List the latest versions of all rate cards."""
    found = list(session.client.list_rate_cards())
    session.show(found, *(line for card in found for line in _card_lines(card)))


def rate_line(rate: Rate) -> str:
    """A rate in one line."""
    per = f" per {rate.unit_size}" if rate.unit_size > 1 else ""
    parts = [f"  {rate.meter}  {rate.model}", f"{rate.unit_price}{per}"]
    parts += [f"fee {rate.connection_fee}"] if rate.connection_fee_micros else []
    parts += [f"at least {rate.minimum}"] if rate.minimum else []
    if rate.initial or rate.increment:
        step = rate.increment or 1
        parts.append(f"blocks {rate.initial or step}/{step}")
    parts += [f"beyond {tier.from_quantity} {tier.unit_price}" for tier in rate.tiers]
    return "  ".join(parts)


def _quote_lines(answer: Quote) -> list[str]:
    lines = [f"price {answer.price}"]
    if answer.rate is not None:
        lines[0] += f"  available buys {answer.affordable_quantity} {answer.rate.meter}"
        lines.append(rate_line(answer.rate))
    lines += [
        f"{rate_line(line.rate)}  price {line.price}  at most {line.affordable_quantity}"
        for line in answer.lines
    ]
    if answer.pinned_until is not None:
        lines.append(f"until {answer.pinned_until.isoformat()} with --quote {answer.token}")
    return lines


def _card_lines(card: RateCard) -> list[str]:
    named = f"rate card {card.rate_card_id}@{card.version}"
    return [f"{named}  {card.name}".rstrip(), *map(rate_line, card.rates)]


def _read(file: Path) -> dict[str, Any]:
    """Read a rate card. Raises click.BadParameter saying what in it is wrong."""
    try:
        with click.open_file(str(file), encoding="utf-8") as opened:
            card = json.load(opened)
        return _terms(card)
    except KeyError as missing:
        raise click.BadParameter(f"{missing} is missing", param_hint="FILE") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise click.BadParameter(str(error), param_hint="FILE") from None


def _terms(card: dict[str, Any]) -> dict[str, Any]:
    rates = [Rate.parse(each) for each in card.pop("rates")]
    known = {"rate_card_id": str, "version": int, "name": str}
    for name, value in card.items():
        if not isinstance(value, known.get(name, ())):
            raise TypeError(f"{name} is no such term, or no such value")
    return {"version": 1, **card, "rate_card_id": card["rate_card_id"], "rates": rates}


for each in (put, get, list_):
    rate_card.add_command(each)

COMMANDS = (quote, rate_card)
