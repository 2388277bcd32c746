"""One name, one effect, however often and wherever it is sent (P6, P7)."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.load import CREDIT, Caller, Reply, charge, grant, reserve, spread
from tests.support.load_servers import fleet
from tests.support.postgres_faults import broken_rules, superuser, vary

ACCOUNTS = 8

LOOKED_UP_BEFORE_THE_LOCK = (
    ("(SELECT h FROM creditgate.holds AS h\n", "(SELECT h FROM unnest(v_known) AS h\n"),
    (
        "    v_retry_at timestamptz;\n",
        "    v_retry_at timestamptz;\n    v_known creditgate.holds[];\n",
    ),
    (
        "    -- Lock each account once,",
        """
    v_known := ARRAY(SELECT h FROM creditgate.holds AS h
        WHERE (h.bucket, h.account_key, h.hold_id) IN (
              SELECT o.bucket, o.account_key, o.hold_id FROM unnest(p_operations) AS o));
    PERFORM pg_sleep(0.002);
    -- Lock each account once,""",
    ),
)


MAKERS: dict[str, Callable[[str, str, int], Any]] = {
    "reserve": reserve,
    "charge": charge,
    "grant": grant,
}


class Name(NamedTuple):
    """One name and what is sent under it: 9 of 10 times one body, else another."""

    number: int
    verb: str
    account_id: str

    @property
    def text(self) -> str:
        return f"name-{self.number}"

    def request(self, *, other: bool) -> Any:
        return MAKERS[self.verb](self.account_id, self.text, 2 * CREDIT if other else CREDIT)


def names(count: int) -> list[Name]:
    verbs = ["reserve", "reserve", "charge", "charge", "grant"]
    return [Name(n, verbs[n % 5], f"account-{n % ACCOUNTS}") for n in range(count)]


class Storm(NamedTuple):
    """What the replies say about many sends of each name."""

    effects: int
    divergent_replies: int
    refused: int
    wrongly_refused: int
    others: int


async def storm(callers: list[Caller], wanted: Sequence[Name], *, sends: int, seed: int) -> Storm:
    """Sends every name so often, in parallel and mixed up, a tenth of it with another body."""
    random = Random(seed)
    batch = [(name, copy % 10 == 9) for name in wanted for copy in range(sends)]
    random.shuffle(batch)
    waiting = iter(batch)
    heard: defaultdict[Name, list[tuple[bool, Reply]]] = defaultdict(list)

    async def one(caller: Caller) -> None:
        for name, other in waiting:
            reply = await caller.insist(name.request(other=other))
            heard[name].append((other, reply))

    await asyncio.gather(*map(one, callers))
    judged = [judge(replies) for replies in heard.values()]
    return Storm(*(sum(column) for column in zip(*judged, strict=True)))


def judge(replies: list[tuple[bool, Reply]]) -> Storm:
    """Looks at all replies to one name: whichever body came first is what the name means."""
    accepted = Counter(other for other, reply in replies if reply.ok)
    refused = [(other, reply) for other, reply in replies if reply.reason == "NAME_REUSED"]
    assert all(reply.code == "ALREADY_EXISTS" for _, reply in refused)
    first = [reply for _, reply in replies if reply.ok and not reply.message.replayed]
    answers = {_lasting(reply) for _, reply in replies if reply.ok}
    return Storm(
        effects=len(first),
        divergent_replies=len(answers) - 1 + len(accepted) - 1,
        refused=len(refused),
        wrongly_refused=sum(other in accepted for other, _ in refused),
        others=len(replies) - accepted.total() - len(refused),
    )


def _lasting(reply: Reply) -> tuple[Any, ...]:
    """The part of an answer that no later change of the account may alter."""
    thing = reply.message.grant if hasattr(reply.message, "grant") else reply.message.hold
    amount = thing.amount_micros if hasattr(thing, "amount_micros") else thing.granted_micros
    return (reply.verdict, amount, thing.created_at.ToNanoseconds())


async def effects_in(database: Database) -> tuple[int, int]:
    """How many things were made under the names, and how often the ledger was changed by them."""
    async with superuser(database) as connection:
        made, grants, charges, held = await connection.fetchrow(  # type: ignore[misc]
            "SELECT (SELECT count(*) FROM creditgate.holds)"
            "     + (SELECT count(*) FROM creditgate.grants WHERE grant_id <> 'opening'),"
            " (SELECT count(*) FROM creditgate.entries WHERE kind = 1 AND name <> 'opening'),"
            " (SELECT count(*) FROM creditgate.entries WHERE kind = 2),"
            " (SELECT count(*) FROM creditgate.holds WHERE state = 1)"
        )
    return made, grants + charges + held


async def open_accounts(caller: Caller) -> None:
    for n in range(ACCOUNTS):
        await caller.open_account(f"account-{n}", credit_micros=100_000 * CREDIT)


@pytest.mark.parametrize(
    ("count", "sends"),
    [
        pytest.param(60, 20, id="short"),
        pytest.param(200, 50, id="full", marks=pytest.mark.faults),
    ],
)
async def test_a_storm_of_one_name_has_one_effect(
    database: Database, tmp_path: Path, figures: Figures, count: int, sends: int
) -> None:
    wanted = names(count)
    async with fleet(database, tmp_path) as servers:
        callers = await servers.callers(50)
        await open_accounts(callers[0])
        first = await storm(callers, wanted, sends=sends, seed=1)
        made = await effects_in(database)

        for server in servers.servers:
            server.kill()
            await servers.restart(server)
        again = await storm(callers, wanted, sends=10, seed=2)

    assert first._replace(refused=0) == Storm(count, 0, 0, 0, 0)
    assert first.refused > 0
    assert again._replace(refused=0) == Storm(0, 0, 0, 0, 0)
    assert made == (count, count) == await effects_in(database)
    assert await broken_rules(database) == []
    figures(
        names=count, sends=count * sends, effects=first.effects, divergent_replies=0,
        other_body_refused=first.refused, other_body_accepted=0, after_restart_effects=0,
    )  # fmt: skip


async def test_control_with_the_name_looked_up_before_the_lock_effects_double(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    """The same storm shows the fault when the protection is out: names read outside the lock."""
    await vary(database, "050_apply.sql", *LOOKED_UP_BEFORE_THE_LOCK)
    wanted = [name for name in names(100) if name.verb == "charge"]
    async with fleet(database, tmp_path) as servers:
        callers = await servers.callers(20)
        await open_accounts(callers[0])
        requests = [name.request(other=False) for name in wanted for _ in range(20)]
        replies = await spread(callers, requests)
    made, effects = await effects_in(database)
    assert sum(not reply.message.replayed for reply in replies if reply.ok) > len(wanted)
    assert effects > made
    assert await broken_rules(database) != []
    figures(names=len(wanted), effects=effects)
