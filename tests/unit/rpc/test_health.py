from __future__ import annotations

import pytest

from creditgate_server.rpc.health import Health


async def test_a_watch_whose_reader_is_slow_hears_of_the_end_all_the_same() -> None:
    health = Health()
    health.set(serving=True)
    watch = health.watch()
    assert await anext(watch) is True
    health.shut()
    assert await anext(watch) is False
    with pytest.raises(StopAsyncIteration):
        await anext(watch)


async def test_a_watch_that_begins_after_the_end_hears_of_it_and_ends() -> None:
    health = Health()
    health.set(serving=True)
    health.shut()
    health.set(serving=True)
    assert [serving async for serving in health.watch()] == [False]
