"""Histories that hypothesis finds and shrinks."""

from __future__ import annotations

from typing import ClassVar

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

from tests.property.history import ACCOUNTS, History
from tests.property.operations import Pick
from tests.support.stage import Stage

SOME = st.sampled_from(ACCOUNTS)


def picking(data: st.DataObject) -> Pick:
    """Chance as hypothesis has it."""
    return lambda choices: data.draw(st.sampled_from(choices))


class Machine(RuleBasedStateMachine):
    """The steps a history may take."""

    stage: ClassVar[Stage]

    def __init__(self) -> None:
        super().__init__()
        self.history = History(self.stage)

    @initialize(policy=st.sampled_from(["CAP", "DEBT"]), credits_=st.integers(5, 30))
    def open(self, policy: str, credits_: int) -> None:
        self.history.open(policy=policy, credits_=credits_)

    @rule(account=SOME, data=st.data())
    def authorize(self, account: str, data: st.DataObject) -> None:
        self.history.ask((account, self.history.chooser(account, picking(data)).hot()))

    @rule(account=SOME, data=st.data())
    def authorize_more(self, account: str, data: st.DataObject) -> None:
        self.history.ask((account, self.history.chooser(account, picking(data)).hot()))

    @rule(account=SOME, data=st.data())
    def administer(self, account: str, data: st.DataObject) -> None:
        self.history.ask((account, self.history.chooser(account, picking(data)).admin()))

    @rule(account=SOME, data=st.data())
    def read(self, account: str, data: st.DataObject) -> None:
        self.history.ask((account, self.history.chooser(account, picking(data)).read()))

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """Send an earlier request again, however late."""
        self.history.ask(picking(data)(self.history.sent))

    @rule(data=st.data(), accounts=st.lists(SOME, min_size=2, max_size=8))
    def batch(self, data: st.DataObject, accounts: list[str]) -> None:
        pick = picking(data)
        asked = [(each, self.history.chooser(each, pick).hot()) for each in accounts]
        self.history.ask_together(asked)

    @rule(data=st.data())
    def wait(self, data: st.DataObject) -> None:
        self.history.wait(picking(data))

    @rule()
    def sweep(self) -> None:
        self.history.sweep()

    @invariant()
    def rules_hold_in_the_database(self) -> None:
        self.history.check()

    def teardown(self) -> None:
        self.history.compare()


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
    run_machine(stage, examples=30, steps=25)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_server_answers_as_the_oracle_for_long(stage: Stage) -> None:
    run_machine(stage, examples=1_000, steps=50)
