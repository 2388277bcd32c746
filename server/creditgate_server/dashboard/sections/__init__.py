"""The parts of an account's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from creditgate_server.dashboard.dependencies import Dependencies
from creditgate_server.dashboard.listing import written
from creditgate_server.dashboard.section import Download, Section
from creditgate_server.dashboard.visits import Visit


async def _page(_deps: Dependencies, _visit: Visit) -> Mapping[str, Any]:
    return {}


async def _figures(_deps: Dependencies, visit: Visit) -> Mapping[str, Any]:
    balance = visit.account.balance
    return {"available": written(balance.available_micros), "held": written(balance.held_micros)}


PAGE = Section("page", "account.html", _page)
SECTIONS: Sequence[Section] = (Section("figures", "sections/figures.html", _figures),)
DOWNLOADS: Sequence[Download] = ()
