from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditgate_server.dashboard.views.clock import Clock
from creditgate_server.dashboard.views.days import days, expected
from creditgate_server.dashboard.views.figures import figures
from creditgate_server.dashboard.views.pace import pace
from creditgate_server.domain.balances import Balance
from creditgate_server.domain.summaries import (
    ConversationTotals,
    DayUsage,
    PeriodKind,
    Summary,
    SummaryPeriod,
    UsageTrend,
)

CREDIT = 1_000_000
NOTHING = ConversationTotals(0, 0, 0, 0, 0)


def summary(
    now: datetime,
    ends_at: datetime,
    *,
    zone: str = "UTC",
    consumed: int = 0,
    projected: int = 0,
    used_days: tuple[DayUsage, ...] = (),
    allowance: int = 0,
    settled: int = 0,
    held: int = 0,
    overdraft: int = 0,
    run_out_at: datetime | None = None,
    recent: int = 0,
    before: int = 0,
) -> Summary:
    return Summary(
        account_id="acme",
        period=SummaryPeriod(PeriodKind.CYCLE, now - timedelta(days=9), ends_at, zone, 9),
        balance=Balance(settled, held, overdraft, 1, now),
        sources=(),
        allowance_micros=allowance,
        consumed_micros=consumed,
        overage_micros=max(0, consumed - allowance),
        holds=0,
        open_holds=0,
        open_calls=0,
        days=used_days,
        trend=UsageTrend(0, None, recent, before, projected, run_out_at, None),
        conversations=NOTHING,
    )


@given(
    st.sampled_from(["UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana"]),
    st.integers(1_700_000_000, 1_900_000_000).map(lambda at: datetime.fromtimestamp(at, UTC)),
    st.timedeltas(timedelta(0), timedelta(days=70)),
    st.integers(0, 10**15),
    st.integers(0, 10**15),
)
def test_what_is_expected_adds_up_and_lies_ahead(
    zone: str, now: datetime, left: timedelta, consumed: int, projected: int
) -> None:
    of = summary(now, now + left, zone=zone, consumed=consumed, projected=projected)
    spread = expected(of, Clock(zone, now))
    assert sum(spread.values()) == (max(0, projected - consumed) if left else 0)
    assert all(amount >= 0 for amount in spread.values())
    last = (now + left - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date()
    today = now.astimezone(ZoneInfo(zone)).date()
    wanted = [today + timedelta(days=day) for day in range((last - today).days + 1)]
    assert list(spread) == (wanted if left else [])


def test_days_are_followed_by_what_is_expected_of_the_rest() -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    used = (DayUsage(date(2026, 11, 21), 4 * CREDIT, 2), DayUsage(date(2026, 11, 22), CREDIT, 1))
    of = summary(
        now,
        datetime(2026, 11, 24, tzinfo=UTC),
        consumed=5 * CREDIT,
        projected=8 * CREDIT,
        used_days=used,
    )
    shown = days(of, Clock("UTC", now))
    rows = [
        (row.text, row.consumed and row.consumed.text, row.expected and row.expected.text)
        for row in shown.rows
    ]
    assert rows == [
        ("Sat 21 Nov", "4", None),
        ("Sun 22 Nov", "1", "1"),
        ("Mon 23 Nov", None, "2"),
    ]
    assert shown.expects
    assert "Sun 22 Nov: 1 credits, 1 use; 1 expected" in shown.chart.plot


@pytest.mark.parametrize(
    ("settled", "held", "overdraft", "remaining", "note"),
    [
        (100, 30, 0, "70", "not held, to spend"),
        (100, 30, 50, "70", "and 50 of overdraft"),
        (-20, 0, 50, "−20", "and 50 of overdraft"),
    ],
)
def test_what_remains_is_what_is_left_and_not_held(
    settled: int, held: int, overdraft: int, remaining: str, note: str
) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    of = summary(
        now,
        now + timedelta(days=1),
        settled=settled * CREDIT,
        held=held * CREDIT,
        overdraft=overdraft * CREDIT,
        consumed=10 * CREDIT,
    )
    shown = {each.key: each for each in figures(of, Clock("UTC", now)).figures}
    assert (shown["remaining"].amount.text, shown["remaining"].note) == (remaining, note)
    assert (shown["held"].amount.text, shown["consumed"].amount.text) == (str(held), "10")


def test_more_than_the_package_is_shown_as_such() -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    of = summary(now, now + timedelta(days=1), allowance=10 * CREDIT, consumed=13 * CREDIT)
    shown = figures(of, Clock("UTC", now)).allowance
    assert shown is not None
    assert shown.over is not None
    assert (shown.percent, shown.over.text) == ("130 %", "3")
    assert "stretch over" in shown.bar


@pytest.mark.parametrize(
    ("recent", "before", "text"),
    [(13, 10, "+30 %"), (7, 10, "−30 %"), (10, 10, "flat"), (5, 0, "new"), (0, 0, "flat")],
)
def test_trends(recent: int, before: int, text: str) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    of = summary(now, now + timedelta(days=1), recent=recent * CREDIT, before=before * CREDIT)
    stats = {each.key: each for each in pace(of, Clock("UTC", now)).stats}
    assert stats["trend"].text == text


def test_the_sentence_warns_where_credits_run_out_before_the_end() -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    of = summary(
        now,
        now + timedelta(days=9, hours=12),
        consumed=CREDIT,
        recent=CREDIT,
        settled=CREDIT,
        run_out_at=now + timedelta(days=2),
    )
    shown = pace(of, Clock("UTC", now))
    assert shown.sentence == "At this week’s pace, credits run out on 24 Nov, before 1 Dec."
    stats = {each.key: each for each in shown.stats}
    assert (stats["run-out"].text, stats["run-out"].tone) == ("in 2 days", "warn")


@pytest.mark.parametrize(
    ("allowance", "words"),
    [
        (0, "12 credits will be used by 1 Dec."),
        (20, "12 of 20 credits will be used by 1 Dec."),
        (10, "12 credits will be used, 2 over the package, by 1 Dec."),
    ],
)
def test_the_sentence_says_what_will_be_used(allowance: int, words: str) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    of = summary(
        now,
        now + timedelta(days=9, hours=12),
        consumed=CREDIT,
        recent=CREDIT,
        settled=CREDIT,
        projected=12 * CREDIT,
        allowance=allowance * CREDIT,
    )
    assert pace(of, Clock("UTC", now)).sentence == f"At this week’s pace, {words}"
