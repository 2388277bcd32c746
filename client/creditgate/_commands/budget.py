"""The commands about budgets."""

from __future__ import annotations

from decimal import Decimal

import click

from creditgate._commands.command import ACCOUNT, ATTRIBUTES, CREDITS, HELP, Session, command
from creditgate._commands.output import budget_line, counter_line, plain
from creditgate._types.budget import Budget, BudgetPeriod

PERIODS = [period.value.lower() for period in BudgetPeriod if period is not BudgetPeriod.UNKNOWN]


@click.group(context_settings=HELP)
def budget() -> None:
    """Bound what agents, users or calls may spend and hold, and see where they stand."""


@command
@ACCOUNT
@click.argument("budget")
@click.option("--attribute", type=click.Choice(ATTRIBUTES), help="What is counted by; all without.")
@click.option("--value", default="", help="Count this value of it alone.")
@click.option("--together", is_flag=True, help="Count all that carry it as one.")
@click.option("--period", type=click.Choice(PERIODS), default="total", show_default=True)
@click.option("--spend-max", type=CREDITS, help="The most that may be spent in a period.")
@click.option("--open-holds-max", type=int, help="How many holds may be open at once.")
def put(
    session: Session,
    *,
    account: str,
    budget: str,
    attribute: str | None,
    value: str,
    period: str,
    spend_max: Decimal | None,
    open_holds_max: int | None,
    together: bool,
) -> None:
    """Give an account the BUDGET of this name, or put another in its place."""
    answer = session.client.put_budget(
        account,
        budget=Budget.of(
            budget,
            attribute=attribute or "",
            value=value,
            together=together,
            period=BudgetPeriod(period.upper()),
            spend_max=spend_max,
            open_holds_max=open_holds_max,
        ),
    )
    session.show(answer, budget_line(answer))


@command
@ACCOUNT
@click.argument("budget")
def delete(session: Session, *, account: str, budget: str) -> None:
    """Take a BUDGET of an account's own away; its plan's of that name counts then."""
    answer = session.client.delete_budget(account, budget_id=budget)
    session.show(answer, "deleted" if answer is None else budget_line(answer))


@command
@ACCOUNT
def list_(session: Session, *, account: str) -> None:
    """List an account's budgets, and where they stand for each value."""
    budgets = session.client.list_budgets(account)
    counters = list(session.client.list_budget_counters(account))
    lines = [budget_line(each.budget, own=each.own) for each in budgets]
    lines += map(counter_line, counters)
    session.show({"budgets": plain(budgets), "counters": plain(counters)}, *lines)


for each in (put, delete, list_):
    budget.add_command(each)

COMMANDS = (budget,)
