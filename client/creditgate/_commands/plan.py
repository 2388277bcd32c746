"""The commands about plans, add-ons and statements."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

import click

from creditgate._commands.call import CALLS
from creditgate._commands.command import (
    ACCOUNT,
    ALERTS,
    BUDGET,
    CREDITS,
    HELP,
    OVERDRAFT,
    PLAN,
    POLICY,
    Session,
    command,
    name_or_new,
)
from creditgate._commands.conversation import CONVERSATIONS
from creditgate._commands.output import addon_line, balance_line, entry_line, plain, plan_line
from creditgate._types.account import OveragePolicy, PlanVersion
from creditgate._types.budget import Budget
from creditgate._types.call import CallTerms
from creditgate._types.conversation import ConversationTerms
from creditgate._types.plan import CycleUnit, Entry
from creditgate._types.threshold import Threshold

CYCLES = [unit.value.lower() for unit in CycleUnit if unit is not CycleUnit.UNKNOWN]
COLUMNS = ("time", "version", "line", "kind", "amount", "settled", "hold", "name", "draws")


@click.group(context_settings=HELP)
def plan() -> None:
    """Write and show what accounts can be put on."""


@command
@click.argument("plan", type=PLAN)
@click.option("--name", default="", help="What people call it.")
@click.option("--allowance", type=CREDITS, default=Decimal(0), help="What each cycle brings.")
@click.option("--cycle", type=click.Choice(CYCLES), help="How long a cycle is; none without.")
@click.option("--rollover-max", type=CREDITS, default=Decimal(0), help="What a next cycle keeps.")
@click.option("--welcome", type=CREDITS, default=Decimal(0), help="Given once, for ever.")
@OVERDRAFT
@POLICY
@click.option("--hold-max", type=CREDITS, help="The most one hold may have.")
@click.option("--hold-ttl-max", type=float, help="The longest a hold may live, in seconds.")
@click.option("--open-holds-max", type=int, help="How many holds may be open at once.")
@click.option("--budget", "budgets", type=BUDGET, multiple=True, help="Binds accounts; repeatable.")
@ALERTS
@click.option("--rate-card", default="", help="The card that prices usage.")
@click.option("--rate-card-version", type=int, default=0, help="Its version; the latest without.")
@CALLS
@CONVERSATIONS
@click.option("--expiry-notice", type=float, help="Seconds before a grant ends to tell it.")
def put(
    session: Session,
    *,
    plan: PlanVersion,
    name: str,
    allowance: Decimal,
    cycle: str | None,
    rollover_max: Decimal,
    welcome: Decimal,
    overdraft: Decimal | None,
    policy: str | None,
    hold_max: Decimal | None,
    hold_ttl_max: float | None,
    open_holds_max: int | None,
    budgets: tuple[Budget, ...],
    alerts: tuple[Threshold, ...] | None,
    expiry_notice: float | None,
    rate_card: str,
    rate_card_version: int,
    calls: CallTerms | None,
    conversations: ConversationTerms | None,
) -> None:
    """Write a version of a PLAN, such as pro@1; it never changes.

    A budget is written as its name and terms: each-agent,attribute=agent,period=day,spend-max=5.
    """
    answer = session.client.put_plan(
        plan.plan_id,
        version=plan.version,
        name=name,
        allowance=allowance,
        cycle=CycleUnit(cycle.upper()) if cycle else None,
        rollover_max=rollover_max,
        welcome=welcome,
        overdraft_limit=overdraft or 0,
        overage_policy=OveragePolicy(policy.upper()) if policy else OveragePolicy.CAP,
        hold_max=hold_max,
        hold_ttl_max_seconds=hold_ttl_max,
        open_holds_max=open_holds_max,
        budgets=budgets,
        thresholds=alerts,
        expiry_notice_seconds=expiry_notice,
        rate_card_id=rate_card,
        rate_card_version=rate_card_version,
        call_terms=calls,
        conversation_terms=conversations,
    )
    session.show(answer, plan_line(answer.plan))


@command
@click.argument("plan")
def get(session: Session, *, plan: str) -> None:
    """Show a version of a PLAN, such as pro@1; without one, the latest."""
    try:
        named = PlanVersion.parse(plan)
    except ValueError:
        answer = session.client.get_plan(plan)
    else:
        answer = session.client.get_plan(named.plan_id, version=named.version)
    session.show(answer, plan_line(answer))


@command
def list_(session: Session) -> None:
    """List the latest versions of all plans."""
    found = list(session.client.list_plans())
    session.show(found, *map(plan_line, found))


@click.group(context_settings=HELP)
def addon() -> None:
    """Book, cancel and list packages that come again with every cycle."""


@command
@ACCOUNT
@click.argument("amount", type=CREDITS)
@click.option("--addon", "addon_id", help="The name of the add-on; made up and shown without.")
@click.option("--outlives-cycle", is_flag=True, help="What is left does not end with the cycle.")
@click.option("--priority", type=int, default=0, help="Lower is spent first.")
def add(
    session: Session,
    *,
    account: str,
    amount: Decimal,
    addon_id: str | None,
    priority: int,
    outlives_cycle: bool,
) -> None:
    """Book AMOUNT credits, now and with every cycle."""
    answer = session.client.add_addon(
        account,
        addon_id=name_or_new(addon_id, of="addon"),
        amount=amount,
        outlives_cycle=outlives_cycle,
        priority=priority,
    )
    session.show(answer, addon_line(answer.addon), f"{account}  {balance_line(answer.balance)}")


@command
@ACCOUNT
@click.argument("addon")
def cancel(session: Session, *, account: str, addon: str) -> None:
    """Stop an add-on from coming again."""
    answer = session.client.cancel_addon(account, addon_id=addon)
    session.show(answer, addon_line(answer))


@command
@ACCOUNT
def list__(session: Session, *, account: str) -> None:
    """List an account's add-ons."""
    found = list(session.client.list_addons(account))
    session.show(found, *map(addon_line, found))


@command
@ACCOUNT
@click.option("--from", "since", type=click.DateTime(), help="The first instant, UTC.")
@click.option("--until", type=click.DateTime(), help="The first instant after it, UTC.")
@click.option("--csv", "as_csv", is_flag=True, help="Answer as comma-separated values.")
def statement(
    session: Session,
    *,
    account: str,
    since: datetime | None,
    until: datetime | None,
    as_csv: bool,
) -> None:
    """Show what changed an account's settled balance in a period."""
    if as_csv and session.as_json:
        raise click.UsageError("--json or --csv, not both")
    answer = session.client.get_statement(
        account,
        since=since and since.replace(tzinfo=UTC),
        until=until and until.replace(tzinfo=UTC),
    )
    if as_csv:
        _write_csv(answer)
        return
    entries = list(answer)
    balances = {"opening": str(answer.opening), "opening_micros": answer.opening_micros}
    balances |= {"closing": str(answer.closing), "closing_micros": answer.closing_micros}
    lines = [f"opening {answer.opening}", *map(entry_line, entries), f"closing {answer.closing}"]
    session.show({**balances, "entries": plain(entries)}, *lines)


def _write_csv(entries: Iterable[Entry]) -> None:
    """Print entries a page at a time; draws are written `grant=amount`, with a space between."""
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(COLUMNS)
    for entry in entries:
        draws = " ".join(f"{draw.grant_id}={draw.amount:f}" for draw in entry.draws)
        amounts = (f"{entry.amount:f}", f"{entry.settled:f}")
        line = (entry.created_at.isoformat(), entry.version, entry.line, entry.kind.value)
        rows.writerow((*line, *amounts, entry.hold_id, entry.name, draws))


for each in (put, get, list_):
    plan.add_command(each)
for each in (add, cancel, list__):
    addon.add_command(each)

COMMANDS = (plan, addon, statement)
