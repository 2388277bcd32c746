"""The commands about packages, and grants that wait to be paid for."""

from __future__ import annotations

from decimal import Decimal

import click

from creditgate._commands.command import ACCOUNT, CREDITS, HELP, PLAN, Session, command, name_or_new
from creditgate._commands.output import balance_line, grant_line, package_line
from creditgate._types.account import PlanVersion


@click.group(context_settings=HELP)
def package() -> None:
    """Write and show what is sold by the piece."""


@command
@click.argument("package", type=PLAN)
@click.argument("amount", type=CREDITS)
@click.option("--name", default="", help="What people call it.")
@click.option("--priority", type=int, default=0, help="Lower is spent first.")
@click.option("--valid-for", type=float, help="How long it can be spent, in seconds.")
def put(
    session: Session,
    *,
    package: PlanVersion,
    amount: Decimal,
    name: str,
    priority: int,
    valid_for: float | None,
) -> None:
    """Write a version of a PACKAGE, such as coins@1, of AMOUNT credits; it never changes."""
    answer = session.client.put_package(
        package.plan_id,
        version=package.version,
        amount=amount,
        name=name,
        priority=priority,
        valid_for_seconds=valid_for,
    )
    session.show(answer, package_line(answer.package))


@command
@click.argument("package")
def get(session: Session, *, package: str) -> None:
    """Show a version of a PACKAGE, such as coins@1; without one, the latest."""
    package_id, version = _named(package)
    answer = session.client.get_package(package_id, version=version)
    session.show(answer, package_line(answer))


@command
def list_(session: Session) -> None:
    """List the latest versions of all packages."""
    found = list(session.client.list_packages())
    session.show(found, *map(package_line, found))


@command
@ACCOUNT
@click.argument("package")
@click.option("--quantity", type=int, default=1, show_default=True, help="How many.")
@click.option("--grant", "grant_id", help="The name of the grant; made up and shown without.")
@click.option("--unpaid", is_flag=True, help="Not to be spent until it is confirmed.")
@click.option("--reference", default="", help="Your own note.")
def buy(
    session: Session,
    *,
    account: str,
    package: str,
    quantity: int,
    grant_id: str | None,
    reference: str,
    unpaid: bool,
) -> None:
    """Give an account a PACKAGE, such as coins@1; without a version, the latest."""
    package_id, version = _named(package)
    answer = session.client.buy_package(
        account,
        grant_id=name_or_new(grant_id, of="grant"),
        package_id=package_id,
        version=version,
        quantity=quantity,
        unpaid=unpaid,
        reference=reference,
    )
    session.show(answer, grant_line(answer.grant), f"{account}  {balance_line(answer.balance)}")


@command
@ACCOUNT
@click.argument("grant")
def confirm(session: Session, *, account: str, grant: str) -> None:
    """Say that an unpaid grant has been paid for."""
    answer = session.client.confirm_grant(account, grant_id=grant)
    session.show(answer, grant_line(answer.grant), f"{account}  {balance_line(answer.balance)}")


def _named(package: str) -> tuple[str, int | None]:
    try:
        named = PlanVersion.parse(package)
    except ValueError:
        return package, None
    return named.plan_id, named.version


for each in (put, get, list_):
    package.add_command(each)

COMMANDS = (package, buy, confirm)
