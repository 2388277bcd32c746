"""Credits as people write them, and micro-credits as the API carries them. No floats, anywhere."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

MICROS_PER_CREDIT = 1_000_000
AMOUNT_MICROS_MAX = 10**18

Amount = int | str | Decimal
"""An amount of credits: `5`, `"0.25"` or `Decimal("0.25")`. A float is refused."""


def to_micros(amount: Amount, *, name: str = "amount") -> int:
    """Convert credits to micro-credits (1 credit = 1,000,000).

    Raises:
        TypeError: `amount` is a float or anything else that is not int, str or Decimal.
        ValueError: it is no number, negative, above 10^12 credits, or finer than one micro-credit.
    """
    if isinstance(amount, bool) or not isinstance(amount, int | str | Decimal):
        hint = f"; write {str(amount)!r}" if isinstance(amount, float) else ""
        raise TypeError(
            f"{name} is credits as int, str or Decimal, never {type(amount).__name__}{hint}"
        )
    try:
        exact = Decimal(amount)
    except InvalidOperation:
        raise ValueError(f"{name} is no number: {amount!r}") from None
    # Whatever is too large is refused by its exponent, before it is written out in full.
    if not exact.is_finite() or exact < 0 or exact.adjusted() > len(str(AMOUNT_MICROS_MAX)):
        raise ValueError(f"{name} is 0 to {to_credits(AMOUNT_MICROS_MAX)} credits, not {amount}")
    numerator, denominator = _scaled(exact)
    micros, rest = divmod(numerator, denominator)
    if rest:
        raise ValueError(f"{name} has at most 6 decimal places, not {amount}")
    if micros > AMOUNT_MICROS_MAX:
        raise ValueError(f"{name} is 0 to {to_credits(AMOUNT_MICROS_MAX)} credits, not {amount}")
    return micros


def to_credits(micros: int) -> Decimal:
    """Convert micro-credits to credits, exactly and without trailing zeros."""
    whole, rest = divmod(abs(micros), MICROS_PER_CREDIT)
    fraction = f".{rest:06d}".rstrip("0") if rest else ""
    return Decimal(f"{'-' if micros < 0 else ''}{whole}{fraction}")


def _scaled(exact: Decimal) -> tuple[int, int]:
    """Write a decimal times a million as numerator and denominator, without rounding."""
    _, digits, exponent = exact.as_tuple()
    assert isinstance(exponent, int), "finite numbers have integer exponents"
    significand = int("".join(map(str, digits)))
    shift = exponent + 6
    if not significand or shift >= 0:
        return significand * 10 ** min(shift, 40) if significand else 0, 1
    return significand, 10 ** min(-shift, len(digits) + 1)
