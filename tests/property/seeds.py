"""Where chance begins: for the default suite always at the same place, for long walks anywhere."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

STEADY = 20_260_101


def first_seed(*, anywhere: bool = False) -> int:
    """The first seed of a run; `CREDITGATE_TEST_SEED` repeats another."""
    usual = random.randrange(2**32) if anywhere else STEADY
    seed = int(os.environ.get("CREDITGATE_TEST_SEED", usual))
    print(f"first seed {seed}; CREDITGATE_TEST_SEED={seed} repeats it")  # noqa: T201
    return seed


def seeds(walks: int, *, anywhere: bool = False) -> range:
    """The seeds of so many walks."""
    first = first_seed(anywhere=anywhere)
    return range(first, first + walks)


@contextmanager
def named(seed: int, steps: int) -> Iterator[None]:
    """Say of which walk a failure is."""
    try:
        yield
    except AssertionError as error:
        error.add_note(f"seed {seed}, {steps} steps")
        raise
