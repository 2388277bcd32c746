"""How an account is keyed."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from uuid import UUID, uuid5

BUCKETS = 64
"""How many buckets the accounts are spread over.

Fixed for ever, since every key in the database begins with it.
"""


class AccountKey(NamedTuple):
    """Where an account lives in the database.

    `bucket` leads every key, `account_key` is the account.
    """

    bucket: int
    account_key: UUID


@lru_cache(maxsize=65_536)
def account_key(tenant_id: UUID, account_id: str) -> AccountKey:
    """Key an account without a look-up.

    UUIDv5 (RFC 9562) of the tenant and its own name; its first bits are the bucket.
    """
    key = uuid5(tenant_id, account_id)
    return AccountKey(key.bytes[0] >> 2, key)
