"""How the command line shows answers: as JSON for programs, as lines for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from creditgate._types.account import Account, AccountStatus
from creditgate._types.activity import Activity
from creditgate._types.amount import to_credits
from creditgate._types.balance import Balance
from creditgate._types.base import Word
from creditgate._types.budget import Budget, BudgetCounter, BudgetPeriod
from creditgate._types.call import CallTerms, Quota
from creditgate._types.delivery import Delivery, Endpoint
from creditgate._types.event import (
    BalanceLow,
    CycleReset,
    Details,
    Event,
    GrantExpiring,
    HoldLate,
    TopupCompleted,
    TopupRefused,
    TopupRequested,
)
from creditgate._types.grant import Grant
from creditgate._types.hold import Hold
from creditgate._types.package import Package
from creditgate._types.plan import Addon, Entry, EntryKind, Plan
from creditgate._types.topup import Topup
from creditgate._watch import AccountState, Change


def to_json(answer: Any) -> str:
    """An answer as JSON: each amount as a string of credits and as an integer of micro-credits."""
    return json.dumps(plain(answer), indent=2)


def to_json_line(answer: Any) -> str:
    """The same in one line, for answers that come one after the other."""
    return json.dumps(plain(answer))


def plain(value: Any) -> Any:
    """A value in the terms of JSON."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain_fields(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def _plain_fields(value: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for each in fields(value):
        content = getattr(value, each.name)
        if each.name.endswith("_micros"):
            credits_ = None if content is None else str(to_credits(content))
            shown[each.name.removesuffix("_micros")] = credits_
        shown[each.name] = plain(content)
    return shown


def balance_line(balance: Balance) -> str:
    """A balance in one line."""
    line = f"available {balance.available}  settled {balance.settled}  held {balance.held}"
    if balance.overdraft_limit_micros:
        line += f"  overdraft {balance.overdraft_limit}"
    return line


def hold_line(hold: Hold) -> str:
    """A hold in one line."""
    parts = [f"hold {hold.hold_id}", hold.state.value.lower(), f"granted {hold.granted}"]
    if hold.settled_at is None:
        parts += [f"held {hold.held}", f"used {hold.used}", f"until {_clock(hold.expires_at)}"]
    else:
        parts += [f"charged {hold.charged}"]
    parts += [f"uncollected {hold.uncollected}"] if hold.uncollected_micros else []
    parts += [f"refunded {hold.refunded}"] if hold.refunded_micros else []
    parts += ["late"] if hold.late else []
    if hold.rate is not None:
        parts.append(f"{hold.used_quantity} of {hold.granted_quantity} {hold.rate.meter}")
    for line in hold.lines:
        meter = " ".join(line.name).strip()
        parts.append(f"{line.used_quantity} of {line.quantity} {meter}")
    parts += [f"on {hold.call.gateway_id}"] if hold.call is not None else []
    return "  ".join(parts)


def quota_line(quota: Quota) -> str:
    """How long a call may go on, in one line."""
    parts = [f"call {quota.granted_quantity} s", f"funded until {_clock(quota.funded_until)}"]
    if quota.final is not None:
        end = quota.final
        target = f" to {end.redirect_target}" if end.redirect_target else ""
        parts.append(f"final, {_words(end.reason)}: {_words(end.action)}{target}")
    elif quota.offline_allowance_seconds:
        parts.append(f"{quota.offline_allowance_seconds:g} s longer while nobody answers")
    return "  ".join(parts)


def grant_line(grant: Grant) -> str:
    """A grant in one line."""
    parts = [
        f"grant {grant.grant_id}",
        f"{grant.kind.value.lower()}, {grant.state.value.lower()}",
        f"remaining {grant.remaining} of {grant.amount}",
    ]
    if grant.package is not None:
        order = grant.package
        parts.append(f"{order.quantity} x {order.package_id}@{order.version}")
    parts += [f"expires {_clock(grant.expires_at)}"] if grant.expires_at else []
    return "  ".join(parts)


def package_line(package: Package) -> str:
    """A version of a package in one line."""
    parts = [f"package {package.package_id}@{package.version}", f"{package.amount} credits"]
    if package.valid_for_seconds is not None:
        parts.append(f"valid for {package.valid_for_seconds:g} s")
    return "  ".join(parts)


def account_line(account: Account) -> str:
    """An account in one line."""
    status = account.status.value.lower()
    return f"account {account.account_id}  {status}  {balance_line(account.balance)}"


def account_lines(account: Account) -> list[str]:
    """An account, and where it is in its plan."""
    lines = [account_line(account)]
    alerts = " ".join(map(str, account.thresholds)) or "nowhere"
    if account.unpaid_micros:
        lines.append(f"unpaid {account.unpaid}")
    if account.auto_topup is not None and account.auto_topup.enabled:
        more = account.auto_topup
        asked = f", asked as {account.topup_request_id}" if account.topup_request_id else ""
        lines.append(f"tops up {more.amount} at {more.below}{asked}")
    lines.append(f"alerts at {alerts}{', its own' if account.own_thresholds else ''}")
    if account.plan is not None:
        then = f", then {account.next_plan}" if account.next_plan else ""
        lines.append(f"plan {account.plan}{then}  time zone {account.time_zone}")
    if account.cycle is not None:
        starts, ends = _clock(account.cycle.starts_at), _clock(account.cycle.ends_at)
        lines.append(f"cycle {account.cycle.number}  from {starts} until {ends}")
    return lines


def plan_line(plan: Plan) -> str:
    """A version of a plan in one line."""
    parts = [f"plan {plan.named}"]
    if plan.cycle is not None:
        parts.append(f"{plan.allowance} each {plan.cycle.value.lower()}")
        parts += [f"keeps up to {plan.rollover_max}"] if plan.rollover_max_micros else []
    parts += [f"welcome {plan.welcome}"] if plan.welcome_micros else []
    parts += [f"overdraft {plan.overdraft_limit}"] if plan.overdraft_limit_micros else []
    parts += [plan.overage_policy.value.lower()]
    parts += [f"holds up to {plan.hold_max}"] if plan.hold_max is not None else []
    if plan.hold_ttl_max_seconds is not None:
        parts.append(f"for up to {plan.hold_ttl_max_seconds:g} s")
    if plan.open_holds_max is not None:
        parts.append(f"{plan.open_holds_max} at once")
    parts += [f"budget {budget.budget_id}" for budget in plan.budgets]
    parts += [f"rates {plan.rate_card_id}@{plan.rate_card_version}"] if plan.rate_card_id else []
    parts += _calls(plan.call_terms)
    parts.append(f"alerts at {' '.join(map(str, plan.thresholds)) or 'nowhere'}")
    return "  ".join(parts)


def _calls(terms: CallTerms) -> list[str]:
    """What of a plan's call terms is not as usual and bounds something."""
    longest, offline = terms.max_duration_seconds, terms.offline_allowance_seconds
    parts = [f"calls up to {longest} s"] if longest else []
    return parts + ([f"calls {offline} s offline"] if offline else [])


def budget_line(budget: Budget, *, own: bool = True) -> str:
    """A budget in one line."""
    parts = [f"budget {budget.budget_id}", *([] if own else ["of the plan"])]
    if not budget.attribute:
        parts.append("all holds")
    elif budget.value:
        parts.append(f"{budget.attribute} {budget.value}")
    else:
        parts.append(f"{'all' if budget.together else 'each'} {budget.attribute}")
    if budget.spend_max is not None:
        ever = budget.period is BudgetPeriod.TOTAL
        when = "in all" if ever else f"each {budget.period.value.lower()}"
        parts.append(f"up to {budget.spend_max} {when}")
    parts += [] if budget.open_holds_max is None else [f"{budget.open_holds_max} at once"]
    return "  ".join(parts)


def counter_line(counter: BudgetCounter) -> str:
    """Where a budget stands for one value, in one line."""
    parts = [counter.budget_id, *([counter.value] if counter.value else [])]
    parts += [f"spent {counter.spent}", f"held {counter.held} in {counter.open_holds}"]
    parts += [f"until {_clock(counter.period_ends_at)}"] if counter.period_ends_at else []
    return "  ".join(parts)


def addon_line(addon: Addon) -> str:
    """An add-on in one line."""
    parts = [f"addon {addon.addon_id}", f"{addon.amount} each cycle"]
    parts += ["outlives the cycle"] if addon.outlives_cycle else []
    parts += [f"cancelled {_clock(addon.cancelled_at)}"] if addon.cancelled_at else []
    return "  ".join(parts)


def event_line(event: Event) -> str:
    """An event in one line."""
    kind = event.kind.value.lower().replace("_", ".", 1)
    parts = [str(event.number), _clock(event.created_at), kind, *_details(event.details)]
    return "  ".join([*parts, f"settled {event.balance.settled:f}"])


def _details(details: Details | None) -> list[str]:
    if isinstance(details, BalanceLow):
        percent = f", {details.percent}%" if details.percent else ""
        return [f"at {details.threshold:f}{percent}"]
    if isinstance(details, CycleReset):
        return [f"cycle {details.cycle.number}", f"until {_clock(details.cycle.ends_at)}"]
    if isinstance(details, GrantExpiring):
        left = f"remaining {details.remaining:f}"
        return [details.grant_id, left, f"expires {_clock(details.expires_at)}"]
    if isinstance(details, HoldLate):
        late = f"uncollected {details.uncollected:f}" if details.uncollected_micros else ""
        return [details.hold_id, f"charged {details.charged:f}", *filter(None, [late])]
    return _topup_details(details)


def _topup_details(details: Details | None) -> list[str]:
    if isinstance(details, TopupRefused):
        return [details.request_id, *filter(None, [details.reason])]
    if isinstance(details, TopupRequested | TopupCompleted):
        return [details.request_id, f"amount {details.amount:f}"]
    return []


def topup_line(topup: Topup) -> str:
    """A request for credits in one line."""
    parts = [_clock(topup.created_at), topup.request_id, topup.state.value.lower()]
    return "  ".join([*parts, f"amount {topup.amount:f}", *filter(None, [topup.reason])])


def entry_line(entry: Entry) -> str:
    """A line of a statement."""
    about = [name for name in (entry.hold_id, entry.name) if name]
    parts = [_clock(entry.created_at), entry.kind.value.lower(), *about]
    return "  ".join([*parts, f"{entry.amount:+f}", f"settled {entry.settled:f}"])


def activity_row(activity: Activity) -> tuple[str, ...]:
    """An entry of the activity log as the cells of a row."""
    it = activity.attributes
    return (
        _clock(activity.created_at),
        activity.type if activity.kind is EntryKind.CHARGE else activity.kind.value.lower(),
        f"{activity.amount:+f}",
        f"{activity.settled:f}",
        activity.model,
        str(activity.quantity) if activity.meter else "",
        it.agent,
        it.topic,
        activity.name or activity.hold_id,
    )


def change_line(change: Change) -> str:
    """What a watch tells, in one line."""
    if isinstance(change, AccountState):
        parts = [balance_line(change.balance), f"open holds {change.open_holds}"]
        active = change.status is AccountStatus.ACTIVE
        parts += [] if active else [change.status.value.lower()]
        return "  ".join([_clock(change.balance.as_of), *parts])
    if isinstance(change, Event):
        return f"event {event_line(change)}"
    return f"hold {change.hold_id}  must end by {_clock(change.ends_at)}  holds {change.held}"


def endpoint_line(endpoint: Endpoint) -> str:
    """An endpoint in one line."""
    parts = [f"endpoint {endpoint.endpoint_id}", endpoint.webhook_url or endpoint.email]
    parts += [", ".join(kind.lower().replace("_", ".", 1) for kind in endpoint.kinds) or "all"]
    parts += [f"account {endpoint.account_id}"] if endpoint.account_id else []
    parts += [endpoint.state.value.lower(), f"secret {endpoint.secret_generation}"]
    return "  ".join(parts)


def delivery_line(delivery: Delivery) -> str:
    """A delivery in one line."""
    parts = [_clock(delivery.created_at), delivery.event_id, f"to {delivery.endpoint_id}"]
    parts += [delivery.event_kind.lower().replace("_", ".", 1), delivery.state.value.lower()]
    parts += [f"attempts {delivery.attempts}"]
    parts += [delivery.last_error] if delivery.last_error else []
    parts += [f"next {_clock(delivery.next_attempt_at)}"] if delivery.next_attempt_at else []
    return "  ".join(parts)


def _words(word: Word) -> str:
    return word.value.lower().replace("_", " ")


def _clock(instant: datetime) -> str:
    return instant.astimezone().strftime("%Y-%m-%d %H:%M:%S")
