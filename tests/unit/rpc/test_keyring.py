from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from creditgate_server.domain.errors import NotExecutedError
from creditgate_server.domain.keys import KeyRecord, digest_of, new_key
from creditgate_server.rpc.keyring import Keyring

PEPPER = "p" * 32
KEY = new_key()
OTHER = new_key()


class Store:
    def __init__(self) -> None:
        self.records: dict[str, KeyRecord] = {}
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    def put(self, text: str, key_id: str) -> None:
        digest = digest_of(text, pepper=PEPPER)
        self.records[key_id] = KeyRecord(
            key_id, UUID(int=1), digest, frozenset({"read"}), None, None
        )

    async def find_key(self, key_id: str) -> KeyRecord | None:
        self.asked.append(key_id)
        record = self.records.get(key_id)
        await self.gate.wait()
        if self.error:
            raise self.error
        return record


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def make(*, size: int = 10) -> tuple[Keyring, Store, Clock]:
    store, clock = Store(), Clock()
    store.put(KEY.text, KEY.key_id)
    return Keyring(store, pepper=PEPPER, ttl_seconds=5, size=size, clock=clock), store, clock


async def test_a_key_is_looked_up_once_and_believed_for_its_time() -> None:
    keyring, store, clock = make()
    assert keyring.remembered(KEY.text) is None
    identity = await keyring.identify(KEY.text)
    assert identity is not None
    assert (identity.key_id, identity.scopes) == (KEY.key_id, frozenset({"read"}))
    assert keyring.remembered(KEY.text) == identity
    assert await keyring.identify(KEY.text) == identity
    assert store.asked == [KEY.key_id]
    clock.now = 5.0
    assert keyring.remembered(KEY.text) is None
    assert await keyring.identify(KEY.text) == identity
    assert len(store.asked) == 2


async def test_a_key_that_does_not_exist_is_not_asked_for_again() -> None:
    keyring, store, clock = make()
    assert await keyring.identify(OTHER.text) is None
    assert await keyring.identify(OTHER.text) is None
    assert store.asked == [OTHER.key_id]
    clock.now = 5.0
    store.put(OTHER.text, OTHER.key_id)
    assert await keyring.identify(OTHER.text) is not None


async def test_a_typing_error_never_reaches_the_database() -> None:
    keyring, store, _ = make()
    for text in ("", "cg_", KEY.text[:-1] + "?", KEY.text[:20] + "aaaa" + KEY.text[24:]):
        assert await keyring.identify(text) is None
    assert store.asked == []


async def test_the_right_id_with_another_secret_is_nobody() -> None:
    keyring, store, _ = make()
    store.records[OTHER.key_id] = store.records[KEY.key_id]
    assert await keyring.identify(OTHER.text) is None
    assert await keyring.identify(KEY.text) is not None
    forged = KEY.text[:16] + OTHER.text[16:]
    assert keyring.remembered(forged) is None


async def test_many_askers_are_one_question() -> None:
    keyring, store, _ = make()
    found = await asyncio.gather(*(keyring.identify(KEY.text) for _ in range(50)))
    assert len(store.asked) == 1
    assert len(set(found)) == 1


async def test_a_caller_who_leaves_does_not_take_the_answer_along() -> None:
    keyring, store, _ = make()
    store.gate.clear()
    leaver = asyncio.create_task(keyring.identify(KEY.text))
    stayer = asyncio.create_task(keyring.identify(KEY.text))
    await asyncio.sleep(0)
    leaver.cancel()
    store.gate.set()
    assert await stayer is not None
    assert len(store.asked) == 1


async def test_a_revoked_key_is_forgotten_also_while_it_is_looked_up() -> None:
    keyring, store, _ = make()
    await keyring.identify(KEY.text)
    keyring.revoked(KEY.key_id)
    assert keyring.remembered(KEY.text) is None
    store.gate.clear()
    asking = asyncio.create_task(keyring.identify(KEY.text))
    await asyncio.sleep(0.01)
    del store.records[KEY.key_id]
    keyring.revoked(KEY.key_id)
    store.gate.set()
    await asking
    assert keyring.remembered(KEY.text) is None
    assert await keyring.identify(KEY.text) is None


async def test_a_revoked_record_is_no_key() -> None:
    from datetime import UTC, datetime

    keyring, store, _ = make()
    record = store.records[KEY.key_id]
    store.records[KEY.key_id] = record._replace(revoked_at=datetime.now(UTC))
    assert await keyring.identify(KEY.text) is None


async def test_an_outage_is_told_and_not_remembered() -> None:
    keyring, store, _ = make()
    store.error = NotExecutedError("away")
    with pytest.raises(NotExecutedError):
        await keyring.identify(KEY.text)
    store.error = None
    assert await keyring.identify(KEY.text) is not None


async def test_hits_and_misses_are_bounded_and_misses_never_push_out_hits() -> None:
    keyring, store, _ = make(size=2)
    await keyring.identify(KEY.text)
    for _ in range(20):
        await keyring.identify(new_key().text)
    assert keyring.remembered(KEY.text) is not None
    assert (len(keyring._hits), len(keyring._misses)) == (1, 2)
    for _ in range(5):
        another = new_key()
        store.put(another.text, another.key_id)
        await keyring.identify(another.text)
    assert len(keyring._hits) == 2
    keyring.forget()
    assert not keyring._hits
