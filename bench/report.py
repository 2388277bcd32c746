"""Writes results: JSON with every figure, and a summary to read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.section import Ask, Row, Section

RESULTS = Path(__file__).with_name("results")


def write(
    name: str,
    *,
    occasion: Mapping[str, Any],
    machine: Mapping[str, Any],
    sections: Mapping[str, Section],
) -> list[Path]:
    """Write `bench/results/<name>.json` and `.md`; answer the files."""
    RESULTS.mkdir(exist_ok=True)
    data, summary = RESULTS / f"{name}.json", RESULTS / f"{name}.md"
    found = {key: asdict(section) for key, section in sections.items()}
    content = {"occasion": occasion, "machine": machine, "sections": found}
    data.write_text(json.dumps(content, indent=1) + "\n")
    summary.write_text(as_markdown(occasion, machine, sections))
    return [data, summary]


def as_markdown(
    occasion: Mapping[str, Any], machine: Mapping[str, Any], sections: Mapping[str, Section]
) -> str:
    """The summary: the asks first, then each section's table."""
    parts = [f"# `{occasion['command']}`", _facts(occasion), _facts(machine)]
    asks = [ask for section in sections.values() for ask in section.asks]
    if asks:
        parts += ["## Asked and measured", _table(("what", "asked", "measured", ""), _asks(asks))]
    for section in sections.values():
        parts += [f"## {section.title}", _table(section.columns, section.rows), *section.notes]
    return "\n\n".join(parts) + "\n"


def _facts(facts: Mapping[str, Any]) -> str:
    shown = {key: value for key, value in facts.items() if key != "command"}
    return "\n".join(f"- {key.replace('_', ' ')}: {value}" for key, value in shown.items())


def _asks(asks: Iterable[Ask]) -> list[Row]:
    return [(a.what, a.wanted, a.measured, "reached" if a.reached else "missed") for a in asks]


def _table(columns: tuple[str, ...], rows: Iterable[Row]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join("| " + " | ".join(_cell(each) for each in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
