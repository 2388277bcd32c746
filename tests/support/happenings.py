"""Events as if they had happened, for those who hand them on."""

from __future__ import annotations

import json
from typing import Any

from creditgate_server.domain.account_keys import AccountKey
from tests.support.database import Connection

_HAPPEN = """
WITH now AS (
    UPDATE creditgate.accounts SET event_count = event_count + $4
     WHERE bucket = $1 AND account_key = $2
    RETURNING *
)
INSERT INTO creditgate.events
SELECT a.bucket, a.account_key, a.event_count - $4 + n, $3, a.version, a.settled_micros,
       a.held_micros, a.overdraft_limit_micros, $5, creditgate.clock(), false
  FROM now AS a, generate_series(1, $4::bigint) AS n
"""


async def happen(
    connection: Connection, account: AccountKey, *, kind: int = 1, count: int = 1, **body: Any
) -> None:
    """Write so many events of an account, as its next ones."""
    await connection.execute(_HAPPEN, *account, kind, count, json.dumps(body))
