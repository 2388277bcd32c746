"""Whose a key is: staff are let in by one, links are made with one, and both end with it."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from creditgate_server.domain.keys import KeyRecord, Keys, Scope, digest_of, key_id_of

_KNOWN_MAX = 10_000
_READING = frozenset({Scope.READ, Scope.ADMIN})


class Keyholder(NamedTuple):
    """Who has a key that works; `may_read` when its scopes allow to look at accounts."""

    key_id: str
    tenant_id: UUID
    may_read: bool


class Keyholders:
    """Looks keys up. What `holding` says is believed for `ttl_seconds`."""

    def __init__(
        self, keys: Keys, *, pepper: str, ttl_seconds: float, clock: Callable[[], float]
    ) -> None:
        self._keys, self._pepper = keys, pepper
        self._ttl_seconds, self._clock = ttl_seconds, clock
        self._known: dict[str, tuple[float, Keyholder | None]] = {}

    async def with_text(self, text: str) -> Keyholder | None:
        """Answer who has this key; None when it is no key, or has ended. Raises `domain.errors`."""
        key_id = key_id_of(text)
        record = await self._keys.find_key(key_id) if key_id else None
        if record is None:
            return None
        right = hmac.compare_digest(digest_of(text, pepper=self._pepper), record.digest)
        return _holder(record) if right else None

    async def holding(self, key_id: str) -> Keyholder | None:
        """Answer who has the key of an id; None when it has ended, or may not read.

        Raises `domain.errors`.
        """
        now = self._clock()
        until, holder = self._known.get(key_id, (0.0, None))
        if until <= now:
            record = await self._keys.find_key(key_id)
            holder = _holder(record) if record else None
            self._known.pop(key_id, None)
            if len(self._known) >= _KNOWN_MAX:
                del self._known[next(iter(self._known))]
            self._known[key_id] = (now + self._ttl_seconds, holder)
        return holder if holder and holder.may_read else None


def _holder(record: KeyRecord) -> Keyholder | None:
    # Whether a key has expired is for the database's clock to say, when it answers `find_key`.
    if record.revoked_at is not None:
        return None
    return Keyholder(record.key_id, record.tenant_id, bool(record.scopes & _READING))
