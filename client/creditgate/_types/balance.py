"""An account's credits at one version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from creditgate._types.base import Credits


@dataclass(frozen=True, kw_only=True)
class Balance:
    """An account's credits at one `version`: available = settled + overdraft limit - held."""

    settled_micros: int
    held_micros: int
    available_micros: int
    overdraft_limit_micros: int
    version: int
    as_of: datetime

    settled = Credits()
    held = Credits()
    available = Credits()
    overdraft_limit = Credits()
