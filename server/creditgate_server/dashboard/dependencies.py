"""What the page reads from, and the rules it keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from creditgate_server.domain.activity import Activities
from creditgate_server.domain.budgets import Budgets
from creditgate_server.domain.calls import GatewayCalls
from creditgate_server.domain.conversations import Conversations
from creditgate_server.domain.directory import Directory
from creditgate_server.domain.events import Events
from creditgate_server.domain.keys import Keys
from creditgate_server.domain.ledger import Accounts
from creditgate_server.domain.links import Links
from creditgate_server.domain.plans import Catalog
from creditgate_server.domain.statements import Statements
from creditgate_server.domain.summaries import Summaries
from creditgate_server.domain.usage import Usages
from creditgate_server.domain.watches import Watches


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How long things last, and how many there may be; times in seconds.

    `base_url` is where browsers reach the page; by TLS when it says so, if need be through a proxy.
    """

    base_url: str = ""
    session_idle_seconds: float = 1_800
    session_max_seconds: float = 43_200
    key_cache_seconds: float = 5
    failures_per_minute: int = 20
    reads_at_once: int = 4
    reads_waiting_max: int = 32
    lives_max: int = 500
    account_lives_max: int = 50
    live_interval_seconds: float = 1
    live_age_max_seconds: float = 900

    @property
    def is_secure(self) -> bool:
        """True when browsers come by TLS."""
        return self.base_url.startswith("https://")


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """Where everything on the page comes from. All raise only `domain.errors`.

    `clock` answers the seconds since 1970, for sessions alone: what is on the page, and when a link
    ends, goes by the database's clock.
    """

    accounts: Accounts
    activities: Activities
    budgets: Budgets
    calls: GatewayCalls
    catalog: Catalog
    conversations: Conversations
    directory: Directory
    events: Events
    keys: Keys
    links: Links
    statements: Statements
    summaries: Summaries
    usages: Usages
    watches: Watches
    pepper: str = field(repr=False)
    clock: Callable[[], float]
