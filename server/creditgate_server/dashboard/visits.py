"""Who looks at which account: a tenant's staff with a session, or a customer with a link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from creditgate_server.domain.account_keys import AccountKey, account_key
from creditgate_server.domain.accounts import Account


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A look at one account. `account.balance.as_of` is now, by the database's clock.

    `base` and `fields` are what all its URLs begin with and carry; `query` is what this one asked
    besides. `is_staff` is False for whoever came by a link.
    """

    tenant_id: UUID
    account: Account
    is_staff: bool
    base: str
    fields: Sequence[tuple[str, str]]
    query: Mapping[str, str]

    @property
    def key(self) -> AccountKey:
        """Where the account lives in the database."""
        return account_key(self.tenant_id, self.account.account_id)

    def page(self, **query: object) -> str:
        """Answer the URL of the whole page."""
        return self._url("", query)

    def section(self, name: str, **query: object) -> str:
        """Answer the URL of a section."""
        return self._url(f"/sections/{name}", query)

    def file(self, name: str, **query: object) -> str:
        """Answer the URL of a file to download."""
        return self._url(f"/files/{name}", query)

    @property
    def live(self) -> str:
        """The URL that tells when something has changed."""
        return self._url("/live", {})

    def _url(self, place: str, query: Mapping[str, object]) -> str:
        asked = [(name, str(value)) for name, value in query.items() if value not in {None, ""}]
        written = urlencode([*self.fields, *asked])
        return f"{self.base}{place}?{written}" if written else f"{self.base}{place}"
