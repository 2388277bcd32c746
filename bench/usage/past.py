"""A year of entries for thousands of accounts, written as the ledger would have written them.

Sessions of work follow each other evenly over the year on each account, its entries some seconds
apart; they lie in the tables in the order of time, all accounts mixed, as they would have come.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from bench.database import CREDITS_MICROS, Connection, Database
from bench.usage.steps import SESSION, steps
from creditgate_server.domain.account_keys import account_key

DAYS = 365
SECONDS_APART = 20
TIME_ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")
_SHARES = ((2, 0.2), (20, 0.2), (200, 0.2))
"""How many accounts of 10,000 have which part of all entries; the others share the rest evenly."""

_TABLES = """
CREATE SCHEMA past;
CREATE UNLOGGED TABLE past.account (
    number integer, bucket smallint, account_key uuid, sessions integer, time_zone text);
CREATE UNLOGGED TABLE past.step (
    place integer, kind smallint, amount_micros bigint, through_micros bigint, opens boolean,
    hold integer, message integer, charged_micros bigint, refunded_micros bigint, last integer,
    rate creditgate.rate, used_quantity bigint, lines creditgate.line[], so_far bigint,
    so_far_of_lines bigint[], gateway boolean, model text, says_user boolean, says_topic boolean,
    says_conversation boolean, says_team boolean);
"""
# Sessions of an account that has few of them do not all begin at the same instants as another's.
_ORDER = f"""
CREATE UNLOGGED TABLE past.entry AS
SELECT a.number, s.session, p.place, b.at + p.place * interval '{SECONDS_APART} seconds' AS at
  FROM past.account AS a
 CROSS JOIN LATERAL generate_series(0, a.sessions - 1) AS s (session)
 CROSS JOIN LATERAL (
        SELECT interval '{DAYS} days' / a.sessions AS each) AS l
 CROSS JOIN LATERAL (
        SELECT now() - interval '{DAYS} days' + s.session * l.each
               + (l.each - interval '{SECONDS_APART * SESSION} seconds')
               * ((s.session * 7919::bigint + a.number * 104729::bigint) % 1000 / 1000.0)) AS b (at)
 CROSS JOIN generate_series(0, {SESSION - 1}) AS p (place)
 ORDER BY at
"""
_FROM = f"""
  FROM past.entry AS e
  JOIN past.account AS a ON a.number = e.number
  JOIN past.step AS s ON s.place = e.session % 8 * {SESSION} + e.place
"""
_BEGAN = f"now() - interval '{DAYS + 1} days'"
# Every entry came with the second version of its hold; the first is the grant's.
_VERSION = f"3 + 2 * (e.session * {SESSION}::bigint + e.place)"
_HOLD = f"""
CASE WHEN s.message IS NOT NULL THEN 'c-' || e.session || '##m' || s.message
     ELSE 'h-' || e.session * {SESSION} + s.hold END
"""
_ENTRIES = f"""
INSERT INTO creditgate.entries
       (bucket, account_key, version, line, kind, amount_micros, settled_micros, hold_id, name,
        grant_seqs, drawn_micros, created_at, used_quantity, used_quantities)
SELECT a.bucket, a.account_key, {_VERSION}, 1, s.kind, s.amount_micros,
       {CREDITS_MICROS} + e.session / 8 * $1::bigint + s.through_micros,
       CASE WHEN s.hold IS NOT NULL THEN {_HOLD} END,
       CASE s.kind WHEN 2 THEN NULL WHEN 3 THEN 'r-' || e.session ELSE 'promo-' || e.session END,
       ARRAY[CASE WHEN s.hold IS NULL THEN 2 + e.session / 8 ELSE 1 END],
       ARRAY[abs(s.amount_micros)], e.at, s.so_far, s.so_far_of_lines
{_FROM}
"""
_HOLDS = f"""
INSERT INTO creditgate.holds
       (bucket, account_key, hold_id, state, decision, asked_micros, reserved_micros,
        granted_micros, held_micros, used_micros, charged_micros, uncollected_micros,
        refunded_micros, closed, fingerprint, created_at, expires_at, settled_at, details, rate,
        used_quantity, lines, gateway_id, gateway_key, gateway_epoch)
SELECT a.bucket, a.account_key, {_HOLD}, 2, 1, s.charged_micros, s.charged_micros,
       s.charged_micros, 0, s.charged_micros, s.charged_micros, 0, s.refunded_micros, true, '\\x00',
       e.at - interval '5 seconds', e.at + interval '5 minutes',
       e.at + (s.last - e.place) * interval '{SECONDS_APART} seconds',
       jsonb_build_object(
           'labels', CASE WHEN s.says_team
                          THEN jsonb_build_object('team', 'team-' || e.session % 8)
                          ELSE '{{}}' END,
           'attributes', jsonb_strip_nulls(jsonb_build_object(
               'agent', 'agent-' || e.session % 20,
               'model', s.model,
               'user', CASE WHEN s.says_user
                            THEN 'user-' || e.session * 31 % (a.sessions / 8 + 1) END,
               'topic', CASE WHEN s.says_topic
                             THEN 'topic-' || (e.session + e.place % 2) % 12 END,
               'conversation_id', CASE WHEN s.says_conversation THEN 'c-' || e.session END))),
       s.rate, s.used_quantity, s.lines,
       CASE WHEN s.gateway THEN 'gateway' END, CASE WHEN s.gateway THEN a.account_key END,
       CASE WHEN s.gateway THEN 1 END
{_FROM}
 WHERE s.opens
"""
_REFUNDS = f"""
INSERT INTO creditgate.refunds
       (bucket, account_key, refund_id, hold_id, amount_micros, expired_micros, version, created_at)
SELECT a.bucket, a.account_key, 'r-' || e.session, {_HOLD}, s.amount_micros, 0, {_VERSION}, e.at
{_FROM}
 WHERE s.kind = 3
"""
_PROMOTIONS = f"""
INSERT INTO creditgate.grants
       (bucket, account_key, seq, grant_id, kind, state, spendable, amount_micros,
        remaining_micros, priority, effective_at, expires_at, fingerprint, created_at)
SELECT a.bucket, a.account_key, 2 + e.session / 8, 'promo-' || e.session, 3, 3, false,
       s.amount_micros, 0, 200, e.at, e.at + interval '3 minutes', '', e.at
{_FROM}
 WHERE s.kind = 1
"""
_CONVERSATIONS = f"""
INSERT INTO creditgate.conversations
       (bucket, account_key, conversation_id, session, terms, type, started_at, last_activity_at,
        ends_at, messages, charged_micros, details)
SELECT a.bucket, a.account_key, 'c-' || e.session, 1, creditgate.usual_conversation_terms(), '',
       e.at - interval '5 seconds', e.at + {3 * SECONDS_APART} * interval '1 second',
       e.at + interval '31 minutes', 4, 4 * s.charged_micros, '{{}}'
{_FROM}
 WHERE s.message = 1
"""
_MESSAGES = f"""
INSERT INTO creditgate.messages
       (bucket, account_key, conversation_id, message_id, session, state, quantity, expires_at,
        fingerprint)
SELECT a.bucket, a.account_key, 'c-' || e.session, 'm' || s.message, 1, 2, 1,
       e.at + interval '5 minutes', '\\x00'
{_FROM}
 WHERE s.message IS NOT NULL
"""
_ACCOUNTS = f"""
UPDATE creditgate.accounts AS c
   SET settled_micros = {CREDITS_MICROS} + a.sessions / 8 * $1::bigint
                        + coalesce(s.through_micros, 0),
       version = 1 + 2 * a.sessions * {SESSION}::bigint, grant_count = 1 + (a.sessions + 7) / 8,
       time_zone = a.time_zone, created_at = {_BEGAN}
  FROM past.account AS a LEFT JOIN past.step AS s ON s.place = a.sessions % 8 * {SESSION} - 1
 WHERE c.bucket = a.bucket AND c.account_key = a.account_key
"""
_GRANTS = f"""
UPDATE creditgate.grants AS g
   SET remaining_micros = a.settled_micros, effective_at = {_BEGAN}, created_at = {_BEGAN}
  FROM creditgate.accounts AS a
 WHERE a.bucket = g.bucket AND a.account_key = g.account_key AND g.seq = 1
"""
_FIRST = f"UPDATE creditgate.entries SET created_at = {_BEGAN}"

_INDEXES = """
SELECT CASE WHEN c.oid IS NULL THEN format('DROP INDEX %s', i.indexrelid::regclass)
            ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', i.indrelid::regclass, c.conname) END
       AS drop,
       CASE WHEN c.oid IS NULL THEN pg_get_indexdef(i.indexrelid)
            ELSE format('ALTER TABLE %s ADD CONSTRAINT %I %s', i.indrelid::regclass, c.conname,
                        pg_get_constraintdef(c.oid)) END AS build
  FROM pg_index AS i LEFT JOIN pg_constraint AS c ON c.conindid = i.indexrelid
 WHERE i.indrelid = ('creditgate.' || $1)::regclass
"""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is written: so many entries, more or less, on so many accounts."""

    entries: int = 10_000_000
    accounts: int = 10_000

    def sessions(self) -> list[int]:
        """How many sessions of work each account has had, those with most first."""
        whole, found = self.entries / SESSION, list[int]()
        for count, share in _SHARES:
            some = max(count * self.accounts // 10_000, 1)
            found += [max(round(whole * share / some), 1)] * some
        rest, left = self.accounts - len(found), whole - sum(found)
        return found + [max(round(left / rest), 1)] * rest

    def kinds(self) -> dict[str, list[int]]:
        """The numbers of average accounts, of the largest, and of the large ones after them."""
        sessions = self.sessions()
        kinds = {
            "average": sessions[-1], "largest": sessions[0], "large": sessions[_SHARES[0][0]],
        }  # fmt: skip
        return {
            name: [number for number, each in enumerate(sessions) if each == wanted]
            for name, wanted in kinds.items()
        }


async def write(database: Database, size: Size, say: Say) -> int:
    """Give the accounts of a database their past; answer how many entries it has."""
    async with database.connection() as connection:
        await connection.execute(_TABLES)
        await _describe(connection, database.tenant.tenant_id, size.sessions())
        await connection.execute(_ORDER)
        await connection.execute("ANALYZE past.entry, past.account, past.step")
        entries = int(await connection.fetchval("SELECT count(*) FROM past.entry"))
        say(f"{entries:,} entries are put in order")
        cycle = int(await connection.fetchval("SELECT sum(amount_micros) FROM past.step"))
    await asyncio.gather(_write_entries(database, cycle, say), _write_rest(database, cycle, say))
    async with database.connection() as connection:
        await connection.execute("DROP SCHEMA past CASCADE")
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    say("vacuumed and analysed")
    return entries


async def _describe(connection: Connection, tenant_id: UUID, sessions: Sequence[int]) -> None:
    accounts = (
        (number, *account_key(tenant_id, f"account-{number}"), each, TIME_ZONES[number % 4])
        for number, each in enumerate(sessions)
    )
    for name, rows in (("account", accounts), ("step", steps())):
        await connection.copy_records_to_table(name, schema_name="past", records=rows)


async def _write_entries(database: Database, cycle: int, say: Say) -> None:
    async with _without_indexes(database, "entries", say) as connection:
        await connection.execute(_FIRST)
        await connection.execute(_ENTRIES, cycle)


async def _write_rest(database: Database, cycle: int, say: Say) -> None:
    async with _without_indexes(database, "holds", say) as connection:
        await connection.execute(_HOLDS)
    async with database.connection() as connection:
        for statement in (_REFUNDS, _CONVERSATIONS, _MESSAGES):
            await connection.execute(statement)
        await connection.execute(_ACCOUNTS, cycle)
        for statement in (_GRANTS, _PROMOTIONS):
            await connection.execute(statement)
    say("accounts, grants, refunds and conversations are written")


@asynccontextmanager
async def _without_indexes(database: Database, table: str, say: Say) -> AsyncIterator[Connection]:
    """Take a table's indexes away, and build them anew once it is full."""
    async with database.connection() as connection:
        indexes = await connection.fetch(_INDEXES, table)
        for each in indexes:
            await connection.execute(each["drop"])
        yield connection
        say(f"{table} are written")
        await connection.execute("SET maintenance_work_mem = '1GB'")
        for each in indexes:
            await connection.execute(each["build"])
        say(f"{len(indexes)} indexes of {table} are built")
