"""The commands about accounts, grants and refunds."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import click

from creditgate._commands.command import (
    ACCOUNT,
    ALERTS,
    CREDITS,
    HELP,
    HOLD,
    LABEL,
    OVERDRAFT,
    PLAN,
    POLICY,
    Session,
    command,
    name_or_new,
    pairs,
)
from creditgate._commands.output import (
    account_line,
    account_lines,
    balance_line,
    grant_line,
    hold_line,
)
from creditgate._types.account import AccountStatus, OveragePolicy, PlanVersion
from creditgate._types.grant import GrantKind
from creditgate._types.plan import PlanTiming
from creditgate._types.threshold import Threshold

# What has rolled over, only cycles give.
KINDS = [k.value.lower() for k in GrantKind if k not in {GrantKind.UNKNOWN, GrantKind.ROLLOVER}]
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
@click.option("--unpaid", is_flag=True, help="Not to be spent until it is confirmed.")
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
    unpaid: bool,
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
        unpaid=unpaid,
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


@click.group(context_settings=HELP)
def account() -> None:
    """Open, show and change accounts."""


@command
@ACCOUNT
def show(session: Session, *, account: str) -> None:
    """Show an account."""
    answer = session.client.get_account(account)
    session.show(answer, *account_lines(answer))


@command
@ACCOUNT
@OVERDRAFT
@POLICY
@LABEL
def create(
    session: Session,
    *,
    account: str,
    overdraft: Decimal | None,
    policy: str | None,
    labels: tuple[str, ...],
) -> None:
    """Open an account without credits."""
    answer = session.client.create_account(
        account,
        overdraft_limit=overdraft or 0,
        overage_policy=OveragePolicy(policy.upper()) if policy else OveragePolicy.CAP,
        labels=pairs(labels),
    )
    session.show(answer, *account_lines(answer))


@command
@ACCOUNT
@OVERDRAFT
@POLICY
@click.option("--status", type=click.Choice(STATUSES))
@click.option("--plan", type=PLAN, help="Put it on this plan, such as pro@1.")
@click.option("--at-next-cycle", is_flag=True, help="When the running cycle ends, not now.")
@click.option("--time-zone", help="Whose calendar cycles follow, such as America/New_York.")
@click.option("--anchor", type=click.DateTime(), help="What cycles are counted from, UTC.")
@ALERTS
@click.option("--plan-alerts", is_flag=True, help="Alert where the plan says again.")
def update(
    session: Session,
    *,
    account: str,
    overdraft: Decimal | None,
    policy: str | None,
    status: str | None,
    plan: PlanVersion | None,
    time_zone: str | None,
    anchor: datetime | None,
    alerts: tuple[Threshold, ...] | None,
    at_next_cycle: bool,
    plan_alerts: bool,
) -> None:
    """Change what is given of an account."""
    if at_next_cycle and plan is None:
        raise click.UsageError("--at-next-cycle says when a --plan takes effect")
    answer = session.client.update_account(
        account,
        overdraft_limit=overdraft,
        overage_policy=OveragePolicy(policy.upper()) if policy else None,
        status=AccountStatus(status.upper()) if status else None,
        plan=plan,
        plan_timing=PlanTiming.NEXT_CYCLE if at_next_cycle else PlanTiming.NOW,
        time_zone=time_zone,
        billing_anchor=anchor and anchor.replace(tzinfo=UTC),
        thresholds=alerts,
        plan_thresholds=plan_alerts,
    )
    session.show(answer, *account_lines(answer))


@command
def accounts(session: Session) -> None:
    """List all accounts."""
    found = list(session.client.list_accounts())
    session.show(found, *map(account_line, found))


for each in (show, create, update):
    account.add_command(each)

COMMANDS = (account, accounts, grant, grants, revoke, refund)
