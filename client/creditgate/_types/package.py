"""What the service answers about packages, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from creditgate._types.base import Credits


@dataclass(frozen=True, kw_only=True)
class Package:
    """One version of a package; `valid_for_seconds` None means that it is valid for ever."""

    package_id: str
    version: int
    name: str
    amount_micros: int
    priority: int
    valid_for_seconds: float | None
    created_at: datetime

    amount = Credits()


@dataclass(frozen=True, kw_only=True)
class PackagePublication:
    """The answer to PutPackage. `replayed` is true when this version had been written before."""

    package: Package
    replayed: bool
