"""Operations for the ledger itself, as the server makes them from requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random
from typing import Any
from uuid import UUID

from creditgate_server.domain.account_keys import account_key
from creditgate_server.domain.operations import Operation, Verb
from creditgate_server.domain.rates import Usage

_AMOUNT = 1_000
_TTL_MS = 3_600_000
_FINGERPRINT = b"0123456789abcdef"
_ASKED = 12


class Source:
    """Operations that never repeat, on accounts drawn from the first so many of a tenant.

    `made` counts the Reserves. With `usages` they are of work that the ledger prices.
    """

    def __init__(
        self, tenant_id: UUID, *, accounts: int, names: str, usages: tuple[Usage, ...] = ()
    ) -> None:
        self._keys = [account_key(tenant_id, f"account-{number}") for number in range(accounts)]
        self._random = Random(1)
        self._names = names
        self._usages = usages
        self.made = 0

    def reserve(self) -> Operation:
        """A Reserve of a new hold."""
        bucket, key = self._random.choice(self._keys)
        self.made += 1
        name = f"{self._names}{self.made}"
        return Operation(
            Verb.RESERVE, bucket, key, name, 0 if self._usages else _AMOUNT, ttl_ms=_TTL_MS,
            fingerprint=_FINGERPRINT, usages=self._usages,
        )  # fmt: skip

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


def arguments(batch: Sequence[Operation]) -> tuple[list[Any], list[Any]]:
    """A batch as `creditgate.apply` takes it: the operations, and beside them their quantities."""
    usages = [(place, *usage) for place, each in enumerate(batch, start=1) for usage in each.usages]
    return [each[:_ASKED] for each in batch], usages


def in_batches(operations: Iterator[Operation], size: int, number: int) -> list[list[Operation]]:
    """So many batches of a size, taken off a stream of operations."""
    return [list(islice(operations, size)) for _ in range(number)]
