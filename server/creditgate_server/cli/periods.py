"""Spans of time on the command line: `90s`, `15m`, `24h`, `30d`."""

from __future__ import annotations

import re
from datetime import timedelta

import click

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_PERIOD = re.compile(r"(\d{1,6})([smhd])")


def period(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | None:
    """Read an option's span, as its callback; anything else is refused with an example."""
    if value is None:
        return None
    match = _PERIOD.fullmatch(value.strip().lower())
    if match is None:
        problem = f"{value!r} is not a period such as 90s, 15m, 24h or 30d"
        raise click.BadParameter(problem, ctx=ctx, param=param)
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
