from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditgate import Amount, to_credits, to_micros


@pytest.mark.parametrize(
    ("amount", "micros"),
    [
        (5, 5_000_000),
        (0, 0),
        ("5", 5_000_000),
        ("0.25", 250_000),
        ("1e2", 100_000_000),
        ("0.000001", 1),
        (" 7 ", 7_000_000),
        (Decimal("3.2"), 3_200_000),
        (Decimal("0.0000010"), 1),
        (10**12, 10**18),
        ("999999999999.999999", 10**18 - 1),
    ],
)
def test_credits_become_micros(amount: Amount, micros: int) -> None:
    assert to_micros(amount) == micros


@pytest.mark.parametrize("amount", [0.1, 1.0, True, None, b"1", [1]])
def test_floats_and_strangers_are_refused(amount: object) -> None:
    with pytest.raises(TypeError, match="int, str or Decimal"):
        to_micros(amount)  # type: ignore[arg-type]


def test_the_refusal_of_a_float_says_what_to_write() -> None:
    with pytest.raises(TypeError, match=r"write '0\.1'"):
        to_micros(0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize("amount", ["0.0000001", Decimal("1.0000005"), "1e-999999999", "5e-7"])
def test_less_than_a_micro_is_refused(amount: Amount) -> None:
    with pytest.raises(ValueError, match="6 decimal places"):
        to_micros(amount)


@pytest.mark.parametrize(
    "amount", [-1, "-0.000001", 10**12 + 1, "1e999999999", "inf", "NaN", "sNaN"]
)
def test_what_is_out_of_range_is_refused(amount: Amount) -> None:
    with pytest.raises(ValueError, match="is 0 to 1000000000000 credits"):
        to_micros(amount)


@pytest.mark.parametrize("amount", ["", "five", "0x5", "1,5"])
def test_what_is_no_number_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="total is no number"):
        to_micros(amount, name="total")


@given(st.integers(0, 10**18))
def test_micros_come_back_as_they_went(micros: int) -> None:
    assert to_micros(to_credits(micros)) == micros
    assert to_micros(str(to_credits(micros))) == micros


@pytest.mark.parametrize(
    ("micros", "text"),
    [(96_800_000, "96.8"), (100_000_000, "100"), (-1, "-0.000001"), (0, "0"), (-2_500_000, "-2.5")],
)
def test_credits_are_written_plainly(micros: int, text: str) -> None:
    assert str(to_credits(micros)) == text


def test_a_callers_decimal_context_changes_nothing() -> None:
    with localcontext(prec=3):
        assert to_micros(Decimal("123456.789012")) == 123_456_789_012
        assert to_micros(to_credits(999_999_999_999)) == 999_999_999_999
