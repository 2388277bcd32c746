"""Rate cards on PostgreSQL, which also prices by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from creditgate_server.domain.balances import Balance
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.rates import Line, Quote, QuoteLine, Rate, RateCard, RateCardResult

if TYPE_CHECKING:
    from uuid import UUID

    from creditgate_server.domain.account_keys import AccountKey
    from creditgate_server.domain.rates import Usage

    from .pool import Pool, Record

_GET = """
SELECT c.rate_card_id, c.version, c.name,
       ARRAY(SELECT r.rate FROM creditgate.rates AS r
              WHERE r.tenant_id = c.tenant_id AND r.rate_card_id = c.rate_card_id
                AND r.version = c.version
              ORDER BY r.meter, r.model),
       c.fingerprint, c.created_at
  FROM creditgate.rate_cards AS c
 WHERE c.tenant_id = $1 AND c.rate_card_id = $2 AND ($3 = 0 OR c.version = $3)
 ORDER BY c.version DESC LIMIT 1
"""

_LIST = """
SELECT DISTINCT ON (c.rate_card_id)
       c.rate_card_id, c.version, c.name, '{}'::creditgate.rate[], c.fingerprint, c.created_at
  FROM creditgate.rate_cards AS c
 WHERE c.tenant_id = $1 AND c.rate_card_id > $2
 ORDER BY c.rate_card_id, c.version DESC LIMIT $3
"""

_PUT = "SELECT * FROM creditgate.put_rate_card($1, $2, $3, $4, $5::creditgate.rate[], $6)"
_QUOTE = "SELECT * FROM creditgate.quote_usages($1, $2, $3::creditgate.metered[])"


class PostgresRateCards:
    """`domain.rates.RateCards` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def put_rate_card(self, tenant_id: UUID, card: RateCard) -> RateCardResult:
        """Write a version of a card, or answer the one that was written with the same body."""
        (row,) = await self._pool.rows(_PUT, tenant_id, *card[:5])
        outcome, replayed = Outcome(row[0]), row[1]
        if outcome.refused:
            return RateCardResult(outcome, None)
        written = await self.get_rate_card(tenant_id, card.rate_card_id, card.version)
        return RateCardResult(outcome, written, replayed)

    async def get_rate_card(
        self, tenant_id: UUID, rate_card_id: str, version: int
    ) -> RateCard | None:
        """Read a version of a card."""
        rows = await self._pool.rows(_GET, tenant_id, rate_card_id, version)
        return _card(rows[0]) if rows else None

    async def list_rate_cards(
        self, tenant_id: UUID, *, after: str, limit: int
    ) -> Sequence[RateCard]:
        """Read a page of latest versions."""
        return [_card(row) for row in await self._pool.rows(_LIST, tenant_id, after, limit)]

    async def quote(self, account: AccountKey, usages: Sequence[Usage]) -> Quote:
        """Price usages."""
        metered = [(1, *usage) for usage in usages]
        (row,) = await self._pool.rows(_QUOTE, *account, metered)
        found = row["account"]
        balance = None if found is None else Balance.read(found, row["as_of"])
        if row["outcome"] != Outcome.ACCEPTED:
            return Quote(row["outcome"], balance, unpriced=row["unpriced"])
        lines = zip(row["rates"], row["prices_micros"], row["most"], strict=True)
        return Quote(
            row["outcome"],
            balance,
            row["price_micros"],
            tuple(QuoteLine(Rate(*rate), *numbers) for rate, *numbers in lines),
            found["rate_card_id"],
            found["rate_card_version"],
        )


def read_rate(row: Record | None) -> Rate | None:
    """Read a `creditgate.rate`, which may be NULL."""
    return None if row is None else Rate(*row)


def read_line(row: Record) -> Line:
    """Read a `creditgate.line`."""
    rate, *rest = row
    return Line(Rate(*rate), *rest)


def _card(row: Record) -> RateCard:
    card = RateCard(*row)
    return card._replace(rates=tuple(Rate(*rate) for rate in row[3]))
