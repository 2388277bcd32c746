"""Histories that hypothesis finds and shrinks.

Holds, grants, plans, add-ons and resets together, while time is moved in the database.
"""

from __future__ import annotations

import itertools
from collections.abc import Coroutine
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.property.operations import Pick
from tests.property.plan_history import ACCOUNTS, TTL_MS_MAX, PlanHistory
from tests.support.served import new_staged_pair
from tests.support.stage import Stage

_numbers = itertools.count()


def picking(data: st.DataObject) -> Pick:
    """Chance as hypothesis has it."""
    return lambda choices: data.draw(st.sampled_from(choices))


class Machine(RuleBasedStateMachine):
    """The steps a history may take."""

    stage: ClassVar[Stage]

    def __init__(self) -> None:
        super().__init__()
        number = next(_numbers)
        accounts = [f"{name}-{number}" for name in ACCOUNTS]
        self.pair = self.stage.run(new_staged_pair(self.stage, accounts=accounts))
        self.history = PlanHistory(self.pair, accounts=accounts, ttl_ms_max=TTL_MS_MAX)

    @initialize(data=st.data())
    def open(self, data: st.DataObject) -> None:
        self._run(self.history.open(picking(data)))

    @rule(data=st.data())
    def authorize(self, data: st.DataObject) -> None:
        self._take("hot", data)

    @rule(data=st.data())
    def authorize_more(self, data: st.DataObject) -> None:
        self._take("hot", data)

    @rule(data=st.data())
    def hold_over_a_reset(self, data: st.DataObject) -> None:
        self._take("long_hold", data)

    @rule(data=st.data())
    def authorize_together(self, data: st.DataObject) -> None:
        self._take("batch", data)

    @rule(data=st.data())
    def administer(self, data: st.DataObject) -> None:
        self._take("admin", data)

    @rule(data=st.data())
    def change_plan(self, data: st.DataObject) -> None:
        self._take("plan", data)

    @rule(data=st.data())
    def change_budgets(self, data: st.DataObject) -> None:
        self._take("budget", data)

    @rule(data=st.data())
    def book_or_cancel_an_addon(self, data: st.DataObject) -> None:
        self._take("addon", data)

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """Send an earlier request again, however late."""
        self._take("repeat", data)

    @rule(data=st.data())
    def wait(self, data: st.DataObject) -> None:
        self._take("wait", data)

    @rule(data=st.data())
    def wait_more(self, data: st.DataObject) -> None:
        self._take("wait", data)

    @rule()
    def sweep(self) -> None:
        self._run(self.pair.sweep())

    @rule()
    def read(self) -> None:
        self._run(self.pair.compare())

    @invariant()
    def rules_hold_in_the_database(self) -> None:
        self._run(self.pair.prove())

    def teardown(self) -> None:
        self._run(self.pair.compare())

    def _take(self, step: str, data: st.DataObject) -> None:
        self._run(self.history.take(step, picking(data)))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self.stage.run(work)


def run_machine(stage: Stage, *, examples: int, steps: int) -> None:
    Machine.stage = stage
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=set(Phase) - {Phase.explain},
        print_blob=True,
    )
    run_state_machine_as_test(Machine, settings=chosen)


def test_server_answers_as_the_oracle(stage: Stage) -> None:
    run_machine(stage, examples=20, steps=30)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_server_answers_as_the_oracle_for_long(stage: Stage) -> None:
    run_machine(stage, examples=1_000, steps=50)
