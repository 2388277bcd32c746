"""Who an API key is: looked up once, believed for a bounded time, forgotten when it is revoked."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple
from uuid import UUID

from creditgate_server.domain.errors import NotExecutedError
from creditgate_server.domain.keys import KeyRecord, Keys, digest_of, key_id_of

LOOK_UPS_MAX = 256
LOOK_UPS_AT_ONCE = 2
_ID = slice(3, 15)


class Identity(NamedTuple):
    """A caller whose key was right."""

    key_id: str
    tenant_id: UUID
    scopes: frozenset[str]


class _Known(NamedTuple):
    """What is known of a key id; `identity` is None where there is no key, or none that counts."""

    identity: Identity | None
    digest: bytes
    until: float


class Keyring:
    """Turns keys into identities, and remembers hits and misses for `ttl_seconds`.

    Concurrent questions about one key are one look-up. `size` bounds hits and misses each.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        pepper: str,
        ttl_seconds: float,
        size: int,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._keys = keys
        self._pepper = pepper
        self._ttl_seconds = ttl_seconds
        self._size = size
        self._clock = clock
        self._hits: dict[str, _Known] = {}
        self._misses: dict[str, _Known] = {}
        self._pending: dict[str, asyncio.Task[_Known]] = {}
        self._connections = asyncio.Semaphore(LOOK_UPS_AT_ONCE)

    def remembered(self, text: str) -> Identity | None:
        """Answer whose key this is if that is known and fresh; None says nothing."""
        known = self._hits.get(text[_ID])
        if known is None or known.until <= self._clock():
            return None
        return self._verified(known, text)

    async def identify(self, text: str) -> Identity | None:
        """Answer whose key this is; None when it is no key, or revoked, or expired.

        Raises `domain.errors`.
        """
        key_id = key_id_of(text)
        if key_id is None:
            return None
        known = self._hits.get(key_id) or self._misses.get(key_id)
        if known is None or known.until <= self._clock():
            known = await self._look_up_once(key_id)
        return self._verified(known, text)

    def revoked(self, key_id: str) -> None:
        """Forget a key: it was revoked, made or changed. A look-up under way is not believed."""
        self._hits.pop(key_id, None)
        self._misses.pop(key_id, None)
        self._pending.pop(key_id, None)

    def forget(self) -> None:
        """Forget all keys, because notices may have been missed."""
        self._hits.clear()
        self._misses.clear()
        self._pending.clear()

    def _verified(self, known: _Known, text: str) -> Identity | None:
        if known.identity is None:
            return None
        right = hmac.compare_digest(digest_of(text, pepper=self._pepper), known.digest)
        return known.identity if right else None

    async def _look_up_once(self, key_id: str) -> _Known:
        task = self._pending.get(key_id)
        if task is None:
            if len(self._pending) >= LOOK_UPS_MAX:
                raise NotExecutedError("too many API keys are being looked up")
            task = asyncio.create_task(self._look_up(key_id))
            self._pending[key_id] = task
            task.add_done_callback(lambda done: self._keep(key_id, done))
        return await asyncio.shield(task)

    async def _look_up(self, key_id: str) -> _Known:
        started = self._clock()
        async with self._connections:
            record = await self._keys.find_key(key_id)
        until = started + self._ttl_seconds
        if record is None or not _counts(record):
            return _Known(None, b"", until)
        identity = Identity(record.key_id, record.tenant_id, record.scopes)
        return _Known(identity, record.digest, until)

    def _keep(self, key_id: str, task: asyncio.Task[_Known]) -> None:
        if self._pending.get(key_id) is not task:
            return
        del self._pending[key_id]
        if task.cancelled() or task.exception() is not None:
            return
        known = task.result()
        (self._misses if known.identity else self._hits).pop(key_id, None)
        kept = self._hits if known.identity else self._misses
        kept.pop(key_id, None)
        if len(kept) >= self._size:
            del kept[next(iter(kept))]
        kept[key_id] = known


def _counts(record: KeyRecord) -> bool:
    # Whether a key has expired is for the database's clock to say, when it answers `find_key`.
    return record.revoked_at is None
