"""Histories of plain chance: longer than hypothesis likes, and repeated by their seed."""

from __future__ import annotations

import random

import pytest

from tests.property.history import ACCOUNTS, History, Staged
from tests.property.seeds import named, seeds
from tests.support.stage import Stage

STEPS = (*("hot",) * 8, *("admin",) * 3, *("batch",) * 2, *("wait",) * 3, "read", "repeat", "sweep")


def walk(stage: Staged, seed: int, *, steps: int) -> None:
    chance = random.Random(seed)
    history = History(stage)
    policy = chance.choice(("CAP", "CAP", "DEBT", "DENY"))
    history.open(policy=policy, credits_=chance.randint(5, 60))
    for _ in range(steps):
        take_step(history, chance)
        history.check()
    history.compare()


def take_step(history: History, chance: random.Random) -> None:
    step, account = chance.choice(STEPS), chance.choice(ACCOUNTS)
    chooser = history.chooser(account, chance.choice)
    if step == "hot":
        history.ask((account, chooser.hot()))
    elif step == "admin":
        history.ask((account, chooser.admin()))
    elif step == "read":
        history.ask((account, chooser.read()))
    elif step == "repeat":
        history.ask(chance.choice(history.sent))
    elif step == "batch":
        accounts = [chance.choice(ACCOUNTS) for _ in range(chance.randint(2, 12))]
        choosers = [(each, history.chooser(each, chance.choice)) for each in accounts]
        history.ask_together([(each, chooser.hot()) for each, chooser in choosers])
    elif step == "wait":
        history.wait(chance.choice)
    else:
        history.sweep()


def run_walks(stage: Staged, *, walks: int, steps: int, anywhere: bool = False) -> None:
    for seed in seeds(walks, anywhere=anywhere):
        with named(seed, steps):
            walk(stage, seed, steps=steps)


def test_walks(stage: Stage) -> None:
    run_walks(stage, walks=15, steps=60)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_walks(stage: Stage) -> None:
    run_walks(stage, walks=1_000, steps=100, anywhere=True)
