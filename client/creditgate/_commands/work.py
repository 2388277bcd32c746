"""The commands about work: balances, holds and charges."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import click

from creditgate._commands.call import EPOCH, GATEWAY, leg
from creditgate._commands.command import (
    ACCOUNT,
    ATTRIBUTE,
    CREDITS,
    HOLD,
    LABEL,
    Session,
    command,
    described,
    name_or_new,
    pairs,
)
from creditgate._commands.output import balance_line, hold_line, plain, quota_line
from creditgate._commands.usage_options import OF, usages_of
from creditgate._types.decision import Extension, HoldStatus, Reservation, Settlement
from creditgate._types.hold import HoldState
from creditgate._types.rate import ReplacedHold, Usage

EXIT_DENIED = 3

MINIMUM = click.option("--minimum", type=CREDITS, help="Take less, down to this many credits.")
TTL = click.option("--ttl", type=float, default=60.0, show_default=True, help="Seconds to live.")
CAUSE = click.option("--cause", default="", help="Why the work ended, kept with the hold.")
METER = click.option("--meter", help="What is used, in the place of AMOUNT.")
MODEL = click.option("--model", default="", help="The model whose rate is asked for.")
QUANTITY = click.option("--quantity", type=int, help="How much of the meter.")
QUOTE = click.option("--quote", help="The token of a quote: what is used costs what was quoted.")
REPLACES = (
    click.option("--replaces", help="A hold that this one takes the place of: it is committed."),
    click.option("--replaced-used", type=CREDITS, help="Credits that one has used in all."),
    click.option("--replaced-quantity", type=int, help="What it has used in its rate's unit."),
    click.option(
        "--replaced-of",
        multiple=True,
        metavar="METER[,MODEL]=QUANTITY",
        help="What it has used of one of several meters; once for each.",
    ),
)
STATES = [state.value.lower() for state in HoldState if state is not HoldState.UNKNOWN]


def _replacing(of: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options about a hold that is replaced."""
    for option in reversed(REPLACES):
        of = option(of)
    return of


@command
@ACCOUNT
def balance(session: Session, *, account: str) -> None:
    """Show what an account has."""
    answer = session.client.get_balance(account)
    session.show({"account_id": account, **plain(answer)}, f"{account}  {balance_line(answer)}")


@command
@ACCOUNT
@click.argument("amount", type=CREDITS, required=False)
@METER
@MODEL
@QUANTITY
@OF
@QUOTE
@click.option("--hold", "hold_id", help="The name of the hold; made up and shown without.")
@MINIMUM
@TTL
@GATEWAY
@EPOCH
@ATTRIBUTE
@LABEL
@_replacing
def reserve(
    session: Session,
    *,
    account: str,
    amount: Decimal | None,
    meter: str | None,
    model: str,
    quantity: int | None,
    several: tuple[str, ...],
    quote: str | None,
    hold_id: str | None,
    minimum: Decimal | None,
    ttl: float,
    gateway: str,
    epoch: int | None,
    attributes: tuple[str, ...],
    labels: tuple[str, ...],
    **replacing: Any,
) -> None:
    """Set AMOUNT credits aside."""
    answer = session.client.reserve(
        account,
        hold_id=name_or_new(hold_id, of="hold"),
        amount=amount,
        usage=None if several else _usage(amount, meter, model, quantity),
        usages=usages_of(several, amount, meter, quantity),
        quote=quote,
        minimum=minimum,
        ttl_seconds=ttl,
        attributes=described(attributes),
        labels=pairs(labels),
        replaces=_replaced(**replacing),
        call=leg(gateway, epoch),
    )
    _show_decision(session, answer)


@command
@ACCOUNT
@HOLD
@click.argument("total", type=CREDITS, required=False)
@click.option("--used", type=CREDITS, help="Credits used so far in all, charged as well.")
@click.option("--quantity", type=int, help="The total in the unit of the hold's rate, for TOTAL.")
@click.option("--used-quantity", type=int, help="What was used so far in that unit, for --used.")
@OF
@click.option(
    "--used-of",
    "used_several",
    multiple=True,
    metavar="METER[,MODEL]=QUANTITY",
    help="What was used so far of one of several meters, for --used; once for each.",
)
@MINIMUM
@TTL
def extend(
    session: Session,
    *,
    account: str,
    hold: str,
    total: Decimal | None,
    used: Decimal | None,
    quantity: int | None,
    used_quantity: int | None,
    several: tuple[str, ...],
    used_several: tuple[str, ...],
    minimum: Decimal | None,
    ttl: float,
) -> None:
    """Raise a hold to TOTAL credits in all; without TOTAL only renew it."""
    if None not in (total, quantity) or None not in (used, used_quantity):
        raise click.UsageError("credits or a quantity, not both")
    quantities = usages_of(several, total, quantity)
    used_quantities = usages_of(used_several, used, used_quantity)
    answer = session.client.extend(
        account,
        hold_id=hold,
        total=total,
        quantity=quantity,
        quantities=quantities,
        used=used,
        used_quantity=used_quantity,
        used_quantities=used_quantities,
        minimum=minimum,
        ttl_seconds=ttl,
    )
    _show_decision(session, answer)


@command
@ACCOUNT
@HOLD
@click.argument("used", type=CREDITS, required=False)
@click.option("--quantity", type=int, help="What was used in the unit of the hold's rate.")
@OF
@click.option("--keep-open", is_flag=True, help="Leave the hold open for more.")
@CAUSE
def commit(
    session: Session,
    *,
    account: str,
    hold: str,
    used: Decimal | None,
    quantity: int | None,
    several: tuple[str, ...],
    cause: str,
    keep_open: bool,
) -> None:
    """Charge USED credits, counted from the beginning of the hold, and end it."""
    used_quantities = usages_of(several, used, quantity)
    if used_quantities is None and (used is None) == (quantity is None):
        raise click.UsageError("either USED or --quantity is needed")
    answer = session.client.commit(
        account,
        hold_id=hold,
        used=used,
        used_quantity=quantity,
        used_quantities=used_quantities,
        keep_open=keep_open,
        termination_cause=cause,
    )
    charged = f"charged {answer.charged}"
    if answer.uncollected_micros:
        charged += f", could not collect {answer.uncollected}"
    _show_hold(session, answer, charged)


@command
@ACCOUNT
@HOLD
@CAUSE
def release(session: Session, *, account: str, hold: str, cause: str) -> None:
    """End a hold without charging more."""
    answer = session.client.release(account, hold_id=hold, termination_cause=cause)
    _show_hold(session, answer)


@command
@ACCOUNT
@click.argument("amount", type=CREDITS, required=False)
@METER
@MODEL
@QUANTITY
@OF
@QUOTE
@click.option("--hold", "hold_id", help="The name of the charge; made up and shown without.")
@MINIMUM
@ATTRIBUTE
@LABEL
def charge(
    session: Session,
    *,
    account: str,
    amount: Decimal | None,
    meter: str | None,
    model: str,
    quantity: int | None,
    several: tuple[str, ...],
    quote: str | None,
    hold_id: str | None,
    minimum: Decimal | None,
    attributes: tuple[str, ...],
    labels: tuple[str, ...],
) -> None:
    """Spend AMOUNT credits at once."""
    answer = session.client.charge(
        account,
        hold_id=name_or_new(hold_id, of="hold"),
        amount=amount,
        usage=None if several else _usage(amount, meter, model, quantity),
        usages=usages_of(several, amount, meter, quantity),
        quote=quote,
        minimum=minimum,
        attributes=described(attributes),
        labels=pairs(labels),
    )
    _show_decision(session, answer)


@command
@ACCOUNT
@HOLD
def hold(session: Session, *, account: str, hold: str) -> None:
    """Show a hold."""
    _show_hold(session, session.client.get_hold(account, hold_id=hold))


@command
@click.argument("account", required=False, default="")
@click.option("--state", type=click.Choice(STATES))
@click.option("--gateway", default="", help="The open calls of this gateway, of all accounts.")
@click.option("--epoch-below", type=int, default=0, help="Only those of its earlier starts.")
def holds(
    session: Session, *, account: str, state: str | None, gateway: str, epoch_below: int
) -> None:
    """List an account's holds, or the open calls of a gateway."""
    if not (account or gateway):
        raise click.UsageError("ACCOUNT or --gateway is needed")
    chosen = None if state is None else HoldState(state.upper())
    found = list(
        session.client.list_holds(
            account, state=chosen, gateway_id=gateway, epoch_below=epoch_below
        )
    )
    session.show(found, *map(hold_line, found))


def _replaced(
    *,
    replaces: str | None,
    replaced_used: Decimal | None,
    replaced_quantity: int | None,
    replaced_of: tuple[str, ...],
) -> ReplacedHold | None:
    """The hold that is replaced, and what it has used."""
    quantities = usages_of(replaced_of, replaced_used, replaced_quantity)
    used = (replaced_used, replaced_quantity, quantities)
    if sum(each is not None for each in used) != (replaces is not None):
        raise click.UsageError("--replaces needs one of --replaced-used, -quantity and -of")
    if replaces is None:
        return None
    return ReplacedHold(
        hold_id=replaces,
        used=replaced_used,
        used_quantity=replaced_quantity,
        used_quantities=quantities,
    )


def _usage(
    amount: Decimal | None, meter: str | None, model: str, quantity: int | None
) -> Usage | None:
    """The usage given in the place of an amount."""
    if amount is not None and meter is None and quantity is None:
        return None
    if amount is not None or meter is None or quantity is None:
        raise click.UsageError("either AMOUNT is needed, or --meter and --quantity")
    return Usage(meter=meter, model=model, quantity=quantity)


def _show_decision(session: Session, answer: Reservation | Extension) -> None:
    """Show a decision; a denial also tells the shell."""
    lines = [answer.decision.value.lower().replace("_", " ")]
    if answer.shortfall_micros:
        lines[0] += f"  {answer.shortfall} short of {answer.asked}"
    if answer.limit:
        lines[0] += f"  limit {answer.limit}"
    if answer.retry_after_seconds is not None:
        lines[0] += f"  retry in {answer.retry_after_seconds:g} s"
    if answer.affordable_quantity:
        lines[0] += f"  up to {answer.affordable_quantity} in all"
    lines += [hold_line(answer.hold)] if answer.hold else []
    lines += [quota_line(answer.quota)] if answer.quota else []
    if isinstance(answer, Reservation) and answer.replaced is not None:
        lines.append(f"replaced {hold_line(answer.replaced.hold)}")
    session.show(answer, *lines, balance_line(answer.balance))
    if not answer.granted:
        raise SystemExit(EXIT_DENIED)


def _show_hold(session: Session, answer: Settlement | HoldStatus, *lines: str) -> None:
    session.show(answer, *lines, hold_line(answer.hold), balance_line(answer.balance))


COMMANDS = (balance, reserve, extend, commit, release, charge, hold, holds)
