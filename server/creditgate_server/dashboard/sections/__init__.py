"""The parts of an account's page."""

from __future__ import annotations

from collections.abc import Sequence

from creditgate_server.dashboard.section import Download, Section

from .activity import ACTIVITY, NAMES
from .alerts import ALERTS
from .conversations import CONVERSATIONS
from .export import CSV
from .grants import GRANTS
from .holds import HOLDS
from .overview import OVERVIEW
from .page import PAGE
from .spending import SPENDING

SECTIONS: Sequence[Section] = (
    OVERVIEW,
    HOLDS,
    SPENDING,
    NAMES,
    ACTIVITY,
    CONVERSATIONS,
    GRANTS,
    ALERTS,
)
DOWNLOADS: Sequence[Download] = (CSV,)

__all__ = ["DOWNLOADS", "PAGE", "SECTIONS"]
