"""The commands about requests for credits."""

from __future__ import annotations

from decimal import Decimal

import click

from creditgate._commands.command import ACCOUNT, CREDITS, HELP, Session, command
from creditgate._commands.output import account_lines, topup_line
from creditgate._types.topup import AutoTopup


@click.group(context_settings=HELP)
def topup() -> None:
    """Say when accounts ask for more credits, and answer them."""


@command
@ACCOUNT
@click.argument("below", type=CREDITS)
@click.argument("amount", type=CREDITS)
@click.option("--month-max", type=CREDITS, default=Decimal(0), help="In a calendar month.")
@click.option("--off", is_flag=True, help="Ask for nothing until it is set again.")
def auto(
    session: Session,
    *,
    account: str,
    below: Decimal,
    amount: Decimal,
    month_max: Decimal,
    off: bool,
) -> None:
    """Ask for AMOUNT credits when the balance is down to BELOW."""
    wish = AutoTopup.of(below=below, amount=amount, month_max=month_max, enabled=not off)
    answer = session.client.update_account(account, auto_topup=wish)
    session.show(answer, *account_lines(answer))


@command
@ACCOUNT
@click.argument("request")
@click.option("--reason", default="", help="Your own note.")
def refuse(session: Session, *, account: str, request: str, reason: str) -> None:
    """Say that a REQUEST will not be paid for; to complete it, grant credits of its name."""
    answer = session.client.refuse_topup(account, request_id=request, reason=reason)
    session.show(answer, topup_line(answer.topup))


@command
@ACCOUNT
def list_(session: Session, *, account: str) -> None:
    """List an account's requests, newest first."""
    found = list(session.client.list_topups(account))
    session.show(found, *map(topup_line, found))


for each in (auto, refuse, list_):
    topup.add_command(each)

COMMANDS = (topup,)
