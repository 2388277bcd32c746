"""The judge of histories is judged: each fault it is there to find is planted, and found."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.history import History, Op, Session, drain
from tests.support.history_check import Judgement, Stored, judge, read_stored
from tests.support.load import CREDIT, Reply
from tests.support.load_servers import fleet

OPENING = 1_000_000 * CREDIT


@dataclass
class Case:
    """A history and what the database holds after it."""

    history: History
    stored: Stored

    def copy(self) -> Case:
        history = History()
        history.ops = [replace(op, attempts=list(op.attempts)) for op in self.history.ops]
        return Case(history, copy.deepcopy(self.stored))

    def judge(self) -> Judgement:
        return judge(self.history, self.stored, opening_micros=OPENING)

    def last(self, kind: str) -> Op:
        ops = self.history.ops
        return [op for op in ops if op.kind == kind and op.ok and not op.last.denied][-1]


async def short_case(database: Database, folder: Path) -> Case:
    async with fleet(database, folder) as servers:
        callers = await servers.callers(2)
        await callers[0].open_account("acme", credit_micros=OPENING)
        history = History()
        async with asyncio.TaskGroup() as group:
            for seed in range(6):
                session = Session(history, callers, ["acme"], seed=seed)
                group.create_task(session.run(works_max=30))
        await drain(callers, history)
    return Case(history, await read_stored(database))


def lose_a_charge(case: Case) -> None:
    del case.stored.holds[case.last("Charge").request.hold_id]


def lose_a_part_of_a_commit(case: Case) -> None:
    case.stored.holds[case.last("Commit").request.hold_id]["used_micros"] -= 1


def charge_twice(case: Case) -> None:
    case.stored.charges[case.last("Charge").request.hold_id] += 1


def do_what_was_said_to_be_undone(case: Case) -> None:
    refused = Reply("UNAVAILABLE", "NOT_EXECUTED", None, 0, 0)
    case.last("Charge").attempts = [refused]


def leave_a_hold_open(case: Case) -> None:
    case.stored.holds[case.last("Reserve").request.hold_id]["state"] = 1


def answer_an_older_version(case: Case) -> None:
    op = case.last("Charge")
    earlier = copy.deepcopy(op.last.message)
    earlier.balance.version = 2
    op.attempts = [replace(op.last, message=earlier)]


def answer_a_wrong_balance(case: Case) -> None:
    op = case.last("Commit")
    wrong = copy.deepcopy(op.last.message)
    wrong.balance.settled_micros += 1
    op.attempts = [replace(op.last, message=wrong)]


def change_the_balance_behind_its_back(case: Case) -> None:
    case.stored.accounts["acme"]["settled_micros"] -= 1


def forget_a_change(case: Case) -> None:
    case.history.ops.remove(case.last("Charge"))


FAULTS: list[tuple[Callable[[Case], None], str]] = [
    (lose_a_charge, "lost"),
    (lose_a_part_of_a_commit, "lost"),
    (charge_twice, "dup"),
    (do_what_was_said_to_be_undone, "phantom"),
    (leave_a_hold_open, "stuck_holds"),
    (answer_an_older_version, "realtime_violations"),
    (answer_a_wrong_balance, "model_mismatch"),
    (change_the_balance_behind_its_back, "model_mismatch"),
    (forget_a_change, "version_gaps"),
]


async def test_every_planted_fault_of_a_history_is_found(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    case = await short_case(database, tmp_path)
    assert case.judge().faults() == {}
    for plant, figure in FAULTS:
        spoilt = case.copy()
        plant(spoilt)
        assert figure in spoilt.judge().faults(), plant.__name__
    figures(ops=len(case.history.ops), planted=len(FAULTS), found=len(FAULTS), false_alarms=0)


async def test_a_change_whose_answer_was_lost_is_found_again(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    """Answers are taken out of a true history, as a crash would; it is still explained in full."""
    case = await short_case(database, tmp_path)
    changes = [
        op for op in case.history.ops if op.executed_here and op.kind in {"Charge", "AddGrant"}
    ]
    for op in changes[::3]:
        replayed = copy.deepcopy(op.last.message)
        replayed.replayed = True
        unheard = Reply("UNAVAILABLE", "OUTCOME_UNKNOWN", None, op.started, op.ended)
        op.attempts = [unheard, replace(op.last, message=replayed)]
    found = case.judge()
    assert found.info == len(changes[::3]) > 0
    assert found.faults() == {}
    figures(ops=found.ops, answers_taken_out=found.info, explained=found.info)
