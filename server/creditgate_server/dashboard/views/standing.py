"""The head of the page: whose account it is, and how it stands."""

from __future__ import annotations

from typing import NamedTuple

from creditgate_server.domain.accounts import Account, AccountStatus
from creditgate_server.domain.plans import Plan
from creditgate_server.domain.summaries import PeriodKind, Summary

from .clock import Clock, Moment, counted

_STATES = {
    AccountStatus.ACTIVE: ("Active", "good"),
    AccountStatus.SUSPENDED: ("Suspended", "alarm"),
    AccountStatus.CLOSED: ("Closed", "quiet"),
}


class Notice(NamedTuple):
    """Something that is wrong with an account now: `tone` is `alarm` or `warn`."""

    tone: str
    title: str
    text: str


class Standing(NamedTuple):
    """The head of the page."""

    account_id: str
    state: str
    tone: str
    plan: str
    period: str
    starts: Moment
    ends: Moment
    resets: str
    zone: str
    notice: Notice | None


def standing(account: Account, plan: Plan | None, summary: Summary, clock: Clock) -> Standing:
    """Show whose account it is, its plan, and the period that its figures are of."""
    state, tone = _STATES[AccountStatus(account.status)]
    period = summary.period
    notice = _notice(account, summary)
    if notice and account.status == AccountStatus.ACTIVE:
        state, tone = ("Out of credits", "alarm") if notice.tone == "alarm" else (state, tone)
    return Standing(
        account_id=account.account_id,
        state=state,
        tone=tone,
        plan=_plan_name(account, plan),
        period=_PERIODS[period.kind],
        starts=clock.day_of(period.starts_at),
        ends=clock.last_day_before(period.ends_at),
        resets=_resets(summary),
        zone=clock.zone,
        notice=notice,
    )


_PERIODS = {PeriodKind.CYCLE: "Cycle", PeriodKind.MONTH: "Month", PeriodKind.RANGE: "Period"}


def _plan_name(account: Account, plan: Plan | None) -> str:
    if plan is None:
        return account.standing.plan_id or "No plan"
    return plan.name or plan.plan_id


def _resets(summary: Summary) -> str:
    days = summary.period.days_left
    if summary.period.kind == PeriodKind.CYCLE:
        return f"{counted(days, 'day')} to reset" if days else "resets today"
    return f"{counted(days, 'day')} left" if days else "over"


def _notice(account: Account, summary: Summary) -> Notice | None:
    if account.status == AccountStatus.SUSPENDED:
        return Notice("alarm", "This account is suspended", "Agents stop until it is active again.")
    if account.status == AccountStatus.CLOSED:
        return Notice("warn", "This account is closed", "What it has used can still be read here.")
    balance = summary.balance
    if balance.available_micros > 0:
        return None
    if balance.held_micros > 0:
        text = (
            "What is left is held by work that is under way; new work waits for it, or for credits."
        )
        return Notice("warn", "All credits are held", text)
    return Notice("alarm", "No credits are left", "Agents stop until credits come.")
