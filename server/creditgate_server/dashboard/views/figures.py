"""The figures of an account, the ring and the bar that show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from creditgate_server.dashboard.charts.bars import Mark, Stretch, stretches
from creditgate_server.dashboard.charts.donut import Centre, Slice, donut
from creditgate_server.domain.grants import GrantKind
from creditgate_server.domain.summaries import CreditSource, Summary

from .amounts import Amount, amount, share
from .clock import Clock, counted


class Figure(NamedTuple):
    """A figure with its name, and what there is to say about it."""

    name: str
    key: str
    amount: Amount
    note: str


class Allowance(NamedTuple):
    """What was used of what the plan gives."""

    used: Amount
    allowance: Amount
    percent: str
    over: Amount | None
    bar: Markup


class Figures(NamedTuple):
    """The overview of an account."""

    ring: Markup
    legend: Sequence[Figure]
    figures: Sequence[Figure]
    allowance: Allowance | None


def figures(summary: Summary, clock: Clock) -> Figures:
    """Show how an account stands."""
    legend = _legend(summary)
    return Figures(
        ring=_ring(legend),
        legend=legend,
        figures=_figures(summary, clock),
        allowance=_allowance(summary) if summary.allowance_micros > 0 else None,
    )


def remaining_micros(summary: Summary) -> int:
    """What is left and not held. An overdraft that was not used is not in it."""
    return summary.balance.settled_micros - summary.balance.held_micros


def _legend(summary: Summary) -> list[Figure]:
    used, held = summary.consumed_micros, summary.balance.held_micros
    left = remaining_micros(summary)
    whole = max(0, used) + max(0, held) + max(0, left)
    return [
        Figure(name, name.lower(), amount(micros), share(micros, whole))
        for name, micros in (("Used", used), ("Held", held), ("Remaining", left))
    ]


def _ring(legend: Sequence[Figure]) -> Markup:
    left = legend[-1]
    told = ", ".join(f"{each.name.lower()} {each.amount.text} ({each.note})" for each in legend)
    return donut(
        "ring",
        [Slice(each.key, each.amount.micros) for each in legend],
        centre=Centre(left.amount.text, "credits left" if left.amount.micros >= 0 else "overdrawn"),
        title="Credits used, held and remaining",
        description=f"{told[0].upper()}{told[1:]}.",
    )


def _figures(summary: Summary, clock: Clock) -> list[Figure]:
    balance = summary.balance
    purchased = _source(summary, GrantKind.PURCHASED)
    promotional = _source(summary, GrantKind.PROMOTIONAL)
    overdraft = balance.overdraft_limit_micros
    spendable = f"and {amount(overdraft).text} of overdraft" if overdraft else "not held, to spend"
    return [
        Figure("Package", "package", amount(summary.allowance_micros), _package(summary)),
        Figure(
            "Consumed",
            "consumed",
            amount(summary.consumed_micros),
            f"in {counted(summary.holds, 'use')}",
        ),
        Figure("Remaining", "remaining", amount(remaining_micros(summary)), spendable),
        Figure("Purchased", "purchased", *_left(purchased, clock)),
        Figure("Promotional", "promotional", *_left(promotional, clock)),
        Figure("Held", "held", amount(balance.held_micros), _held(summary)),
    ]


def _source(summary: Summary, kind: GrantKind) -> CreditSource:
    nothing = CreditSource(kind, 0, 0, None)
    return next((each for each in summary.sources if each.kind == kind), nothing)


def _left(source: CreditSource, clock: Clock) -> tuple[Amount, str]:
    if source.next_expiry_at and source.remaining_micros:
        note = f"left, next ends {clock.distance(source.next_expiry_at)}"
    elif source.given_micros:
        left = "left" if source.remaining_micros else "none left"
        note = f"{left}, {amount(source.given_micros).text} new"
    else:
        note = "left" if source.remaining_micros else "none left"
    return amount(source.remaining_micros), note


def _package(summary: Summary) -> str:
    return "plan credits given" if summary.allowance_micros else "no plan credits"


def _held(summary: Summary) -> str:
    calls = summary.open_calls
    if not summary.open_holds:
        return "nothing under way"
    return counted(summary.open_holds, "hold") + (f", {counted(calls, 'call')}" if calls else "")


def _allowance(summary: Summary) -> Allowance:
    allowance, used = summary.allowance_micros, max(0, summary.consumed_micros)
    projected = max(used, summary.trend.projected_micros)
    whole = max(allowance, used)
    percent, over = share(used, allowance), summary.overage_micros
    told = f"{amount(used).text} of {amount(allowance).text} credits, {percent}"
    parts = [Stretch("used", min(used, allowance)), Stretch("over", max(0, used - allowance))]
    marks = [Mark("limit", allowance)] if whole > allowance else []
    if used < projected < whole:
        marks.append(Mark("projected", projected))
        told += f"; {amount(projected).text} expected at the end"
    bar = stretches(
        "allowance",
        parts,
        whole,
        marks=marks,
        title="Used against allowance",
        description=f"{told}.",
    )
    return Allowance(
        amount(used), amount(allowance), percent, amount(over) if over > 0 else None, bar
    )
