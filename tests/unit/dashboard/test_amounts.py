from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditgate_server.dashboard.views.amounts import (
    amount,
    change,
    column,
    exactly,
    plain,
    share,
    short,
)

MICROS = st.integers(-(2**63), 2**63 - 1)


@pytest.mark.parametrize(
    ("micros", "text", "exact"),
    [
        (0, "0", "0"),
        (1, "0.000001", "0.000001"),
        (-1, "−0.000001", "−0.000001"),
        (12_345, "0.01", "0.012345"),
        (1_234, "0.0012", "0.001234"),
        (999_999, "1.00", "0.999999"),
        (1_000_000, "1", "1"),
        (1_500_000, "1.5", "1.5"),
        (-1_234_567_890_000, "−1,234,567.89", "−1,234,567.89"),
        (1_234_565_000, "1,234.57", "1,234.565"),
        (2**63 - 1, "9,223,372,036,854.78", "9,223,372,036,854.775807"),
    ],
)
def test_amounts_are_short_and_say_what_they_are_exactly(
    micros: int, text: str, exact: str
) -> None:
    assert (amount(micros).text, amount(micros).exact) == (text, exact)


@given(MICROS)
def test_what_is_shown_is_the_amount_itself_or_rounded_to_it(micros: int) -> None:
    shown = _micros(amount(micros).text)
    assert _micros(amount(micros).exact) == micros
    assert _micros(plain(micros)) == micros
    # Whatever is hidden is less than half a hundredth, and something never looks like nothing.
    assert abs(shown - micros) <= 5_000
    assert (shown == 0) == (micros == 0)


@given(st.lists(MICROS, min_size=1, max_size=5))
def test_points_of_a_column_stand_below_each_other(given_: list[int]) -> None:
    places = column(given_)
    shown = [exactly(each, places=places) for each in given_]
    widths = {len((each.text + each.pad).partition(".")[2]) for each in shown if "." in each.text}
    assert len(widths) <= 1
    assert [_micros(each.text) for each in shown] == given_
    whole = [each for each in shown if "." not in each.text]
    assert all(len(each.pad) == (places + 1 if places else 0) for each in whole)


def test_changes_have_a_sign() -> None:
    shown = [change(each, places=1).text for each in (2_000_000, 0, -500_000)]
    assert shown == ["+2", "0", "−0.5"]


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (1, 3, "33 %"),
        (2, 3, "67 %"),
        (1, 8, "13 %"),
        (1, 1_000, "<1 %"),
        (0, 5, "0 %"),
        (-3, 5, "0 %"),
        (3, 0, "0 %"),
        (30, 10, "300 %"),
    ],
)
def test_shares(part: int, whole: int, text: str) -> None:
    assert share(part, whole) == text


@pytest.mark.parametrize(
    ("credits_", "text"),
    [(0, "0"), (250, "250"), (2_500, "2,500"), (25_000, "25k"), (1_500_000, "1.5M"), (2e9, "2B")],
)
def test_scales(credits_: float, text: str) -> None:
    assert short(int(credits_) * 1_000_000) == text


def _micros(text: str) -> int:
    """Read what was written, by other means than it was written."""
    digits = text.replace(",", "").replace("−", "-")
    sign = -1 if digits.startswith("-") else 1
    whole, _, part = digits.lstrip("-").partition(".")
    return sign * (int(whole) * 1_000_000 + int(part.ljust(6, "0")))
