"""Exports read no further than their reader has taken, and give their place up in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from creditgate.v1 import usage_service_pb2 as pb
from creditgate_server.domain.activity import Activity, ActivityPage
from creditgate_server.domain.statements import Period
from creditgate_server.rpc import activity
from creditgate_server.rpc.call import Call
from creditgate_server.rpc.detached import Detached
from creditgate_server.rpc.pages import Pages
from creditgate_server.rpc.status import RpcError
from creditgate_server.rpc.stream import Duplex


class Endless:
    """An account whose entries never end; counts the pages that were read."""

    def __init__(self) -> None:
        self.pages = 0

    async def period(self, *_: object) -> Period:
        return Period(0, 10**9)

    async def page(self, *_: object, limit: int, **__: object) -> ActivityPage:
        self.pages += 1
        at = datetime(2030, 1, 1, tzinfo=UTC)
        entries = [
            Activity(self.pages, line, 1, 1, 1, at, None, "g", None, None, None, None, None, False)
            for line in range(1, limit + 1)
        ]
        return ActivityPage(entries, None)


class Scene:
    """Exports of endless activity, and what was turned away."""

    def __init__(self, *, exports_max: int = 1) -> None:
        self.endless, self.sheds = Endless(), list[str]()
        self.exports = activity.ActivityExports(
            self.endless,
            Pages("a secret that is long enough for this"),
            Detached(limit=9, at_once=9, shed=self.sheds.append),
            self._check,
            exports_max=exports_max,
            shed=self.sheds.append,
        )

    async def _check(self, _: object, __: Call) -> None:
        """Let every export go on."""

    async def begin(self, write: Any) -> None:
        request = pb.ExportActivityRequest(account_id="acme")
        duplex = Duplex(_one(request.SerializeToString()), write)
        await self.exports.export_activity(duplex, Call((), remaining_seconds=None))


async def _one(raw: bytes) -> AsyncIterator[bytes]:
    yield raw


async def test_a_reader_who_takes_nothing_costs_one_chunk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(activity, "REST", 0.0)
    scene, taken = Scene(), asyncio.Semaphore(3)

    async def write(_: bytes) -> None:
        await taken.acquire()

    export = asyncio.create_task(scene.begin(write))
    for _ in range(200):
        await asyncio.sleep(0)
    assert scene.endless.pages == 4  # three that were taken, and one that waits
    with pytest.raises(RpcError) as caught:
        await scene.begin(write)
    assert (caught.value.reason, scene.sheds) == ("NOT_EXECUTED", ["exports_full"])
    export.cancel()
    with pytest.raises(asyncio.CancelledError):
        await export
    scene.exports.drain()
    taken.release()
    with pytest.raises(RpcError) as caught:  # there is room again, and the server goes away
        await scene.begin(write)
    assert "goes away" in caught.value.text


async def test_a_reader_who_stalls_gives_its_place_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "STALLED_SECONDS", 0.02)
    scene = Scene()

    async def write(_: bytes) -> None:
        await asyncio.Event().wait()

    with pytest.raises(RpcError) as caught:
        await scene.begin(write)
    assert caught.value.reason == "NOT_EXECUTED"
    assert "from the last cursor" in caught.value.text
