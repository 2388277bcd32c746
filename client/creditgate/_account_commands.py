"""The commands about accounts, grants and refunds."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import click

from creditgate._command import ACCOUNT, CREDITS, HOLD, Session, command, name_or_new
from creditgate._output import account_line, balance_line, grant_line, hold_line
from creditgate._types import AccountStatus, GrantKind, OveragePolicy

KINDS = [kind.value.lower() for kind in GrantKind if kind is not GrantKind.UNKNOWN]
POLICIES = ["cap", "debt"]
STATUSES = ["active", "suspended", "closed"]


@command
@ACCOUNT
@click.argument("amount", type=CREDITS)
@click.option("--grant", "grant_id", help="The name of the grant; made up and shown without.")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="purchased",
    show_default=True,
)
@click.option("--priority", type=int, default=0, help="Lower is spent first.")
@click.option("--expires", type=click.DateTime(), help="When the rest is taken back, UTC.")
@click.option("--effective", type=click.DateTime(), help="When it can be spent, UTC.")
@click.option("--reference", default="", help="Your own note.")
def grant(
    session: Session,
    *,
    account: str,
    amount: Decimal,
    grant_id: str | None,
    kind: str,
    priority: int,
    expires: datetime | None,
    effective: datetime | None,
    reference: str,
) -> None:
    """Give an account AMOUNT credits."""
    answer = session.client.add_grant(
        account,
        grant_id=name_or_new(grant_id, of="grant"),
        amount=amount,
        kind=GrantKind(kind.upper()),
        priority=priority,
        effective_at=effective and effective.replace(tzinfo=UTC),
        expires_at=expires and expires.replace(tzinfo=UTC),
        reference=reference,
    )
    session.show(answer, grant_line(answer.grant), f"{account}  {balance_line(answer.balance)}")


@command
@ACCOUNT
def grants(session: Session, *, account: str) -> None:
    """List an account's grants."""
    found = list(session.client.list_grants(account))
    session.show(found, *map(grant_line, found))


@command
@ACCOUNT
@click.argument("grant")
def revoke(session: Session, *, account: str, grant: str) -> None:
    """Take back what remains of a grant."""
    answer = session.client.revoke_grant(account, grant_id=grant)
    session.show(
        answer,
        f"revoked {answer.revoked}",
        grant_line(answer.grant),
        f"{account}  {balance_line(answer.balance)}",
    )


@command
@ACCOUNT
@HOLD
@click.argument("amount", type=CREDITS)
@click.option("--refund", "refund_id", required=True, help="The name of the refund.")
def refund(session: Session, *, account: str, hold: str, amount: Decimal, refund_id: str) -> None:
    """Give AMOUNT charged credits of a hold back."""
    answer = session.client.refund(account, refund_id=refund_id, hold_id=hold, amount=amount)
    session.show(answer, hold_line(answer.hold), balance_line(answer.balance))


@command
@ACCOUNT
@click.option("--create", is_flag=True, help="Open it.")
@click.option("--overdraft", type=CREDITS, help="How far below zero it may go.")
@click.option("--policy", type=click.Choice(POLICIES), help="What overruns become.")
@click.option("--status", type=click.Choice(STATUSES))
def account(
    session: Session,
    *,
    account: str,
    overdraft: Decimal | None,
    policy: str | None,
    status: str | None,
    create: bool,
) -> None:
    """Show an account, or open or change it."""
    client, chosen = session.client, policy and OveragePolicy(policy.upper())
    if create:
        answer = client.create_account(
            account,
            overdraft_limit=overdraft or 0,
            overage_policy=chosen or OveragePolicy.CAP,
        )
    elif overdraft is not None or policy or status:
        answer = client.update_account(
            account,
            overdraft_limit=overdraft,
            overage_policy=chosen or None,
            status=AccountStatus(status.upper()) if status else None,
        )
    else:
        answer = client.get_account(account)
    session.show(answer, account_line(answer))


@command
def accounts(session: Session) -> None:
    """List all accounts."""
    found = list(session.client.list_accounts())
    session.show(found, *map(account_line, found))


COMMANDS = (account, accounts, grant, grants, revoke, refund)
