"""Tests that have to wait for a clock, which all wait at the same time, while others run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from tests.conformance.world import Service, World

Story = Callable[[World], None]
WAIT_SECONDS_MAX = 60
AT_ONCE_MAX = 64


class Stories:
    """Tells stories at once, each in a world of its own, and remembers how they ended."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._threads = ThreadPoolExecutor(max_workers=AT_ONCE_MAX)
        self._ends: dict[Story, Future[None]] = {}

    def begin(self, stories: Iterable[Story]) -> None:
        """Begin to tell those that were not begun before."""
        for story in stories:
            if story not in self._ends:
                self._ends[story] = self._threads.submit(partial(self._tell, story))

    def end_of(self, story: Story) -> None:
        """Wait for the end of a story; raises what it raised."""
        self._ends[story].result(WAIT_SECONDS_MAX)

    def close(self) -> None:
        self._threads.shutdown()

    def _tell(self, story: Story) -> None:
        world = World(self._service)
        try:
            story(world)
        finally:
            world.close()


def together(story: Story) -> Callable[[Stories], None]:
    """Make a test of a story that is told beside the others."""

    def test(stories: Stories) -> None:
        stories.end_of(story)

    test.__name__, test.__doc__ = story.__name__, story.__doc__
    marked: Any = test
    marked.story = story
    return test


def stories_of(tests: Iterable[Any]) -> list[Story]:
    """The stories among the tests that were chosen."""
    found = (getattr(getattr(each, "obj", None), "story", None) for each in tests)
    return [each for each in found if each]
