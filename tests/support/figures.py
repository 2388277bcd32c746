"""Figures that tests found, shown at the end of the run."""

from __future__ import annotations

from typing import Protocol

from _pytest.terminal import TerminalReporter

KEY = "figures"


class Figures(Protocol):
    """The fixture `figures`: called with what a test measured, by name."""

    def __call__(self, **values: object) -> None: ...


def written(values: dict[str, object]) -> str:
    """Figures as one line."""
    return " ".join(f"{name}={_short(value)}" for name, value in values.items())


def show(terminal: TerminalReporter) -> None:
    """Prints the figures of every test that has some."""
    lines = [
        f"{report.nodeid.removeprefix('tests/')}: {line}"
        for outcome in ("passed", "failed")
        for report in terminal.getreports(outcome)
        if report.when == "call"
        for key, line in report.user_properties
        if key == KEY
    ]
    if lines:
        terminal.section("figures")
        for line in lines:
            terminal.write_line(line)


def _short(value: object) -> object:
    return f"{value:.3g}" if isinstance(value, float) else value
