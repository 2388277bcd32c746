"""Proves the ledger's rules on the live database, again and again, and says where one is broken."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

_NAMED_MAX = 20
_log = logging.getLogger(__name__)


class Violation(Protocol):
    """One account found to break one rule."""

    @property
    def rule(self) -> str:
        """The rule's name."""
        ...

    @property
    def account_key(self) -> object:
        """The account's key in the database."""
        ...


class Reconcile:
    """One round proves every rule. `found` is told how many violations each of `rules` has.

    The log names accounts by their key in the database only: their own ids, and what is wrong with
    them, are for `creditgate-server verify`.
    """

    def __init__(
        self,
        verify: Callable[[], Awaitable[Sequence[Violation]]],
        *,
        rules: Sequence[str],
        found: Callable[[Mapping[str, int]], None],
    ) -> None:
        self._verify = verify
        self._rules = rules
        self._found = found

    async def __call__(self) -> bool:
        """Prove the rules once; never leaves anything undone."""
        violations = await self._verify()
        counts = Counter(violation.rule for violation in violations)
        self._found(dict.fromkeys(self._rules, 0) | counts)
        for rule in counts:
            keys = [str(v.account_key) for v in violations if v.rule == rule]
            _log.error(
                "the ledger breaks rule %s; run `creditgate-server verify`",
                rule,
                extra={"accounts": len(keys), "account_keys": keys[:_NAMED_MAX]},
            )
        return False
