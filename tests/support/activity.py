"""Accounts with as many entries as years would bring, made at once and by the owner."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from creditgate_server.domain.account_keys import AccountKey
from tests.support.database import Connection

BEGAN = datetime(2029, 1, 1, tzinfo=UTC)
SECONDS_APART = 60

# Every third version moved no credits, as when a hold is opened; 1 in 1000 is of the rare agent.
_HOLDS = """
INSERT INTO creditgate.holds (
    bucket, account_key, hold_id, state, decision, asked_micros, reserved_micros, granted_micros,
    held_micros, used_micros, charged_micros, uncollected_micros, fingerprint, created_at,
    expires_at, settled_at, details)
SELECT $1, $2, 'h-' || n, 2, 1, 1, 1, 1, 0, 1, 1, 0, '\\x00', t.at, t.at, t.at,
       jsonb_build_object('attributes', jsonb_build_object(
           'agent', CASE WHEN n % 1000 = 0 THEN 'rare' ELSE 'agent-' || n % 10 END,
           'model', CASE WHEN n % 2 = 0 THEN 'large' ELSE 'small' END))
  FROM generate_series(1, $3::bigint) AS n,
       LATERAL (SELECT $4::timestamptz + n * $5::bigint * interval '1 second') AS t (at)
"""
_ENTRIES = """
INSERT INTO creditgate.entries
SELECT $1, $2, n + n / 2, 1, 2, -1, -n, 'h-' || n, NULL, '{1}', '{1}',
       $4::timestamptz + n * $5::bigint * interval '1 second'
  FROM generate_series(1, $3::bigint) AS n
"""
_ACCOUNT = """
INSERT INTO creditgate.accounts (
    bucket, account_key, tenant_id, account_id, status, overage_policy, overdraft_limit_micros,
    settled_micros, debt_micros, version, created_at)
VALUES ($1, $2, $3, 'busy', 1, 2, 0, -$4::bigint, $4, $4 + $4 / 2, $5)
"""


async def fill(connection: Connection, account: AccountKey, entries: int) -> None:
    """Make an account with so many charges, each of a hold of its own, a minute apart."""
    many = (*account, entries, BEGAN, SECONDS_APART)
    await connection.execute(_ACCOUNT, *account, uuid4(), entries, BEGAN)
    for statement in (_HOLDS, _ENTRIES):
        await connection.execute(statement, *many, timeout=600)
    await connection.execute("ANALYZE creditgate.entries; ANALYZE creditgate.holds")
