"""Operations for the ledger itself, as the server makes them from requests."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from random import Random
from uuid import UUID

from creditgate_server.domain.accounts import account_key
from creditgate_server.domain.operations import Operation, Verb

_AMOUNT = 1_000
_TTL_MS = 3_600_000
_FINGERPRINT = b"0123456789abcdef"


class Source:
    """Operations that never repeat, on accounts drawn from the first so many of a tenant.

    `made` counts the Reserves.
    """

    def __init__(self, tenant_id: UUID, *, accounts: int, names: str) -> None:
        self._keys = [account_key(tenant_id, f"account-{number}") for number in range(accounts)]
        self._random = Random(1)
        self._names = names
        self.made = 0

    def reserve(self) -> Operation:
        """A Reserve of a new hold."""
        bucket, key = self._random.choice(self._keys)
        self.made += 1
        name = f"{self._names}{self.made}"
        return Operation(
            Verb.RESERVE, bucket, key, name, _AMOUNT, ttl_ms=_TTL_MS, fingerprint=_FINGERPRINT
        )

    def reserves(self, number: int) -> list[Operation]:
        """So many Reserves."""
        return [self.reserve() for _ in range(number)]

    def turns(self) -> Iterator[Operation]:
        """Reserve, Extend, Commit of holds at different stages of life, as lanes see them."""
        opened, extended = self.reserve(), self.reserve()
        yield opened
        yield extended
        while True:
            fresh = self.reserve()
            yield fresh
            yield extend(opened)
            yield commit(extended)
            opened, extended = fresh, opened

    def shuffled(self, operations: list[Operation]) -> list[Operation]:
        """The same operations in another order."""
        return self._random.sample(operations, len(operations))


def extend(of: Operation) -> Operation:
    """An Extend of what a Reserve made."""
    return of._replace(
        verb=Verb.EXTEND, amount_micros=2 * _AMOUNT, used_micros=_AMOUNT // 2, fingerprint=None
    )


def commit(of: Operation) -> Operation:
    """A Commit of what a Reserve made."""
    return of._replace(
        verb=Verb.COMMIT, amount_micros=0, used_micros=_AMOUNT, ttl_ms=0, fingerprint=None
    )


def in_batches(operations: Iterator[Operation], size: int, number: int) -> list[list[Operation]]:
    """So many batches of a size, taken off a stream of operations."""
    return [list(islice(operations, size)) for _ in range(number)]
