"""Links to the page of one account."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class UsageLink:
    """A link to an account's page: whoever has it sees the usage, so it is a secret.

    `token` is the last part of `url`; the link ends at `expires_at`, or with the key that made it.
    """

    url: str = field(repr=False)
    token: str = field(repr=False)
    expires_at: datetime
