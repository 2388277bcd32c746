"""Conversations on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from creditgate_server.domain.balances import Balance
from creditgate_server.domain.conversations import (
    ConversationTerms,
    Reply,
    Session,
    SessionFilter,
    SessionPlace,
    Utterance,
)

from .ledger import read_result
from .undecided import OUTCOME, decided

if TYPE_CHECKING:
    from datetime import datetime

    from creditgate_server.domain.account_keys import AccountKey

    from .pool import Pool, Record

_CONVERSE = "SELECT * FROM creditgate.converse($1::creditgate.utterance[])"

_COLUMNS = """
       conversation_id, session, terms, type, started_at, last_activity_at, ends_at, ended_at,
       ending, termination_cause, messages, charged_micros, credits, details
"""

_GET = f"""
SELECT creditgate.clock(), {_COLUMNS} FROM creditgate.conversations
 WHERE bucket = $1 AND account_key = $2 AND conversation_id = $3 AND ($4 = 0 OR session = $4)
 ORDER BY session DESC LIMIT 1
"""  # noqa: S608 - both parts are ours

# What has ended, time may have ended. Of two that start at one instant the later name comes first.
_LIST = f"""
SELECT now.at, {_COLUMNS}
  FROM (SELECT creditgate.clock() AS at) AS now, creditgate.conversations AS c
 WHERE c.bucket = $1 AND c.account_key = $2 AND ($3 = '' OR c.conversation_id = $3)
   AND ($4::boolean IS NULL OR (c.ended_at IS NULL AND c.ends_at > now.at) = $4)
   AND ($5::timestamptz IS NULL OR c.started_at >= $5)
   AND ($6::timestamptz IS NULL OR c.started_at < $6)
   AND ($7::timestamptz IS NULL
        OR (c.started_at, c.conversation_id, c.session) < ($7, $8::text, $9::integer))
 ORDER BY c.started_at DESC, c.conversation_id DESC, c.session DESC
 LIMIT $10
"""  # noqa: S608 - both parts are ours

_NOW = "SELECT creditgate.clock() FROM creditgate.accounts WHERE bucket = $1 AND account_key = $2"

# Where the parts of a row of `creditgate.reply` lie.
_ANSWER = slice(1, 11)
_BALANCE = slice(11, 16)
_SESSION, _RESULT = 16, 17
# Those of a row of `creditgate.conversations` that come before its fields.
_KEY_FIELDS = 2


class PostgresConversations:
    """`domain.conversations.Conversations` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def converse(self, utterances: Sequence[Utterance]) -> Sequence[Reply]:
        """Tell conversations what happened; several calls only where much has expired."""
        rows = await decided(partial(self._pool.rows, _CONVERSE), utterances)
        return [_reply(row) for row in rows]

    async def get_session(
        self, account: AccountKey, conversation_id: str, session: int
    ) -> tuple[Session, datetime] | None:
        """Read a session."""
        rows = await self._pool.rows(_GET, *account, conversation_id, session)
        return (read_session(tuple(rows[0][1:])), rows[0][0]) if rows else None

    async def list_sessions(
        self, account: AccountKey, keep: SessionFilter, *, after: SessionPlace | None, limit: int
    ) -> tuple[Sequence[Session], datetime] | None:
        """Read a page of sessions."""
        place = after or (None, "", 0)
        rows = await self._pool.rows(_LIST, *account, *keep, *place, limit)
        if rows:
            return [read_session(tuple(row[1:])) for row in rows], rows[0][0]
        known = await self._pool.rows(_NOW, *account)
        return ([], known[0][0]) if known else None

    async def knows_account(self, account: AccountKey) -> bool:
        """Look whether the account is there."""
        return bool(await self._pool.rows(_NOW, *account))


def read_session(row: tuple[Any, ...]) -> Session:
    """Read a session in the order of its fields."""
    session = Session(*row)
    return session._replace(terms=ConversationTerms(*session.terms))


def _reply(row: Record) -> Reply:
    balance = None if row[_BALANCE.start] is None else Balance(*row[_BALANCE])
    found, result = row[_SESSION], row[_RESULT]
    session = None
    if found is not None and found["session"] is not None:
        session = read_session(tuple(found)[_KEY_FIELDS:])
    hold = None if result is None or result[OUTCOME] is None else read_result(result)
    return Reply._make((*row[_ANSWER], balance, session, hold))
