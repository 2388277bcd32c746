"""Balances at one version."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple


class Balance(NamedTuple):
    """An account's credits at one version, in micro-credits."""

    settled_micros: int
    held_micros: int
    overdraft_limit_micros: int
    version: int
    as_of: datetime

    @property
    def available_micros(self) -> int:
        """What a Reserve could get now."""
        return self.settled_micros + self.overdraft_limit_micros - self.held_micros

    @classmethod
    def read(cls, account: Any, as_of: datetime) -> Balance:
        """Take the balance out of an account's row, by the names of its columns."""
        return cls(
            account["settled_micros"],
            account["held_micros"],
            account["overdraft_limit_micros"],
            account["version"],
            as_of,
        )
