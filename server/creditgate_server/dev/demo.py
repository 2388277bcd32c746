"""A tenant, an account with credits and a key, to have something to try."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import NamedTuple

from creditgate_server.domain.account_keys import account_key
from creditgate_server.domain.accounts import NewAccount
from creditgate_server.domain.grants import GrantKind, NewGrant
from creditgate_server.domain.keys import Scope, digest_of, key_id_of
from creditgate_server.postgres.accounts import PostgresAccounts
from creditgate_server.postgres.keys import PostgresKeys
from creditgate_server.postgres.pool import Pool

NAME = "demo"
CREDITS = 100
_MICROS_PER_CREDIT = 1_000_000
_GRANT = NewGrant(
    grant_id="demo-credits",
    kind=GrantKind.PROMOTIONAL,
    amount_micros=CREDITS * _MICROS_PER_CREDIT,
    reference="made by creditgate-server dev",
    fingerprint=sha256(b"creditgate-server dev: demo-credits").digest(),
)


class Demo(NamedTuple):
    """What there is to try with; `is_new` when the account was made just now."""

    api_key: str
    available_micros: int
    is_new: bool


async def ensure_demo(pool: Pool, *, api_key: str, pepper: str) -> Demo:
    """Make what is lacking; run again, it changes nothing and keeps a key that still works.

    Raises `domain.errors`.
    """
    keys, accounts = PostgresKeys(pool), PostgresAccounts(pool)
    tenant, is_new = await keys.ensure_tenant(NAME)
    await accounts.create_account(tenant.tenant_id, NewAccount(NAME))
    result = await accounts.add_grant(account_key(tenant.tenant_id, NAME), _GRANT)
    if not await _works(keys, api_key, pepper=pepper):
        scopes = list(Scope)
        made = await keys.create_key(tenant.tenant_id, pepper=pepper, scopes=scopes, name="dev")
        api_key = made.text
    available_micros = result.balance.available_micros if result.balance else 0
    return Demo(api_key, available_micros, is_new)


async def _works(keys: PostgresKeys, text: str, *, pepper: str) -> bool:
    key_id = key_id_of(text)
    record = None if key_id is None else await keys.find_key(key_id)
    if record is None or record.revoked_at is not None or record.expires_at is not None:
        return False
    return hmac.compare_digest(record.digest, digest_of(text, pepper=pepper))
