"""Files of the journal: complete or not there; sent in any order, and as often as it happens."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

import creditgate
from creditgate._call.journal import Entry, Journal
from creditgate._call.outbox import closing_of, may_come_later, reserve_of
from creditgate._messages.work import Call
from creditgate.v1 import authorization_service_pb2 as messages
from creditgate.v1 import hold_pb2
from tests.client.calls import price, priced
from tests.client.conftest import Fake


def entry(seconds: int, *, hold_id: str = "work", is_final: bool = True, epoch: int = 1) -> Entry:
    commit = messages.CommitRequest(
        account_id="acme", hold_id=hold_id, used_quantity=seconds, termination_cause="hang-up"
    )
    return Entry(commit=commit, gateway_id="edge", epoch=epoch, is_final=is_final)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = Journal(tmp_path / "new" / "folder")
    journal.open()
    return journal


def test_an_entry_comes_back_as_it_was(journal: Journal) -> None:
    usage = hold_pb2.Usage(meter="voice.call", quantity=60)
    reserve = messages.ReserveRequest(account_id="acme", hold_id="a/b:c", usage=usage)
    whole = entry(7, hold_id="a/b:c")
    kept = Entry(commit=whole.commit, reserve=reserve, gateway_id="g", epoch=5, is_final=False)
    journal.write(kept)
    assert list(journal.read()) == [kept]
    journal.write(whole)
    assert list(journal.read()) == [whole], "in the place of the earlier one"
    journal.remove(whole)
    journal.remove(whole)
    assert not list(journal.read())


def test_entries_of_long_names_and_of_the_same_name_elsewhere(journal: Journal) -> None:
    for name in ("x" * 128, "y" * 128):
        journal.write(entry(1, hold_id=name))
    assert len(list(journal.read())) == 2


def test_what_is_none_of_ours_is_left_alone(
    journal: Journal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "new" / "folder"
    for number, text in enumerate(("", "{}", "[]", '{"commit": {"nothing": 1}}')):
        (folder / f"{number}.json").write_text(text)
    journal.write(entry(1))
    assert [each.commit.used_quantity for each in journal.read()] == [1]
    assert len(caplog.records) == 4
    assert len(list(folder.glob("*.json"))) == 5


def test_a_process_killed_while_it_writes_leaves_whole_entries(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.client.test_journal import *\n"
        "journal = Journal(Path(sys.argv[1])); journal.open(); seconds = 0\n"
        "while True:\n"
        "    seconds += 1; journal.write(entry(seconds)); print(seconds, flush=True)"
    )
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        ) as process:
            assert process.stdout is not None
            told = 0
            for _ in range(random.randint(5, 50)):
                told = int(process.stdout.readline())
            process.kill()
        journal = Journal(tmp_path)
        journal.open()
        found = [each.commit.used_quantity for each in journal.read()]
        journal.close()
        assert len(found) == 1
        assert found[0] >= told
        assert not list(tmp_path.glob("*.tmp"))


def test_totals_converge_in_any_order_and_any_number_of_times(fake: Fake) -> None:
    """What a gateway reported while it ran and at the end, replayed: the last total is charged."""
    priced(fake)
    totals = [entry(20, is_final=False), entry(45, is_final=False), entry(61)]
    with fake.client() as client:
        for number, order in enumerate(permutations([*totals, totals[-1]])):
            name = f"call-{number}"
            usage = creditgate.Usage("voice.call", 60)
            client.reserve("acme", hold_id=name, usage=usage)
            for each in order:
                again = messages.CommitRequest()
                again.CopyFrom(each.commit)
                again.hold_id, again.keep_open = name, not each.is_final
                request: Call[Any] = closing_of(Entry(commit=again))
                client._send(request)
            status = client.get_hold("acme", hold_id=name)
            assert status.hold.charged_micros == price(61)
            assert status.hold.state is creditgate.HoldState.COMMITTED
            client.refund("acme", refund_id=name, hold_id=name, amount=status.hold.charged)
        assert client.get_balance("acme").held == 0


def test_what_may_come_later_and_what_may_not() -> None:
    assert may_come_later(creditgate.NotExecuted("server away"))
    assert may_come_later(creditgate.OutcomeUnknown("cut off"))
    assert may_come_later(creditgate.Unauthenticated("key being rotated"))
    assert not may_come_later(creditgate.HoldReleased("ended"))
    assert not may_come_later(creditgate.NotFound("no such hold"))


def test_nothing_used_is_released_and_never_reserved() -> None:
    nothing = entry(0)
    assert closing_of(nothing).method == "Release"
    assert closing_of(entry(1)).method == "Commit"
    unheld = Entry(commit=nothing.commit, reserve=messages.ReserveRequest())
    assert reserve_of(unheld) is None
    assert reserve_of(entry(1)) is None
    used = Entry(commit=entry(1).commit, reserve=messages.ReserveRequest())
    found = reserve_of(used)
    assert found is not None
    assert found.method == "Reserve"
