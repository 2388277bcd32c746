"""The manual's tables are those of the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from creditgate_server.bounds import OneOf, Within
from creditgate_server.settings import Option, Settings, options
from creditgate_server.telemetry import Telemetry
from creditgate_server.workers.background import background

DOCS = Path(__file__).parents[2] / "docs"
DEFAULTS = Settings(database_url="", key_pepper="")


def test_every_setting_is_in_the_table_as_it_is() -> None:
    text = (DOCS / "operating.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `CREDITGATE_")]
    expected = [row(option) for option in options()]
    assert rows == expected, "the table should read:\n" + "\n".join(expected)


def row(option: Option) -> str:
    value = getattr(DEFAULTS, option.name)
    shown = {None: "", "": "", True: "true", False: "false"}.get(value, f"`{value}`")
    if isinstance(value, int) and not isinstance(value, bool):
        shown = f"`{value}`"
    return f"| `{option.variable}` | {shown} | {bounds(option)} | {option.meaning} |"


def bounds(option: Option) -> str:
    if isinstance(option.check, Within):
        return f"{option.check.low} to {option.check.high}"
    if isinstance(option.check, OneOf):
        return ", ".join(option.check.words)
    return ""


def test_every_figure_is_explained_and_every_explained_one_is_there() -> None:
    telemetry = Telemetry()
    telemetry.metrics.watch_lanes(lambda: 0)
    telemetry.metrics.watch_pool(lambda: (0, 0))
    telemetry.metrics.watch_watches(lambda: 0)
    work = telemetry.metrics.work
    work.holds(
        open_count=0,
        held_micros=0,
        oldest_seconds=0,
        overdue_seconds=0,
        offline_micros=0,
        unbounded_calls=0,
    )
    work.backlog(pending=0, oldest_seconds=0, dead=0)
    work.unsummed(accounts=0, changes=0)
    names = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in telemetry.metrics.registry.collect()
        if family.name.startswith("creditgate_")
    }
    text = (DOCS / "telemetry.md").read_text()
    assert set(re.findall(r"^\| `(creditgate_\w+)", text, re.MULTILINE)) == names


def test_every_loop_is_named() -> None:
    class Nobody:
        def __getattr__(self, name: str) -> None:
            return None

    nobody: Any = Nobody()
    loops = background(
        DEFAULTS,
        store=nobody,
        outbox=nobody,
        sender=nobody,
        sums=nobody,
        rules=(),
        observer=nobody,
    )
    text = (DOCS / "telemetry.md").read_text()
    for loop in loops:
        assert f"`{loop._name}`" in text
