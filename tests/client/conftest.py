from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from creditgate.cli import load
from creditgate.testing import FakeCreditgate
from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import hold_pb2

Shell = Callable[..., Result]


class Fake(FakeCreditgate):
    """The fake with an account `acme` of 100 credits, and eyes for what happened."""

    def hold(self, hold_id: str = "work") -> hold_pb2.Hold | None:
        """A hold as it stands; None when there is none."""
        listed = self.answer(accounts.ListHoldsRequest(account_id="acme"))
        return next((hold for hold in listed.holds if hold.hold_id == hold_id), None)

    def state(self, hold_id: str = "work") -> str:
        """The state of a hold; `NONE` when there is none."""
        hold = self.hold(hold_id)
        name = hold_pb2.HoldState.Name(hold.state) if hold else "NONE"
        return name.removeprefix("HOLD_STATE_")

    def sent(self) -> list[str]:
        """The requests that came, by name."""
        return [type(request).__name__.removesuffix("Request") for request in self.requests]


@pytest.fixture
def fake() -> Iterator[Fake]:
    """A fake of the test's own."""
    with Fake(api_key="key") as fake:
        fake.add_account("acme", credits=100)
        fake.requests.clear()
        yield fake


@pytest.fixture
def local(fake: Fake, tmp_path: Path) -> Path:
    """A folder below one where a local development server left its file."""
    (tmp_path / ".creditgate").mkdir()
    (tmp_path / ".creditgate" / "env").write_text(
        f"CREDITGATE_TARGET={fake.target}\nCREDITGATE_API_KEY=key\n"
    )
    below = tmp_path / "below"
    below.mkdir()
    return below


@pytest.fixture
def shell(local: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Run `creditgate` in this process."""
    for name in ("CREDITGATE_TARGET", "CREDITGATE_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str, cwd: Path = local, **environ: str) -> Result:
        monkeypatch.chdir(cwd)
        return CliRunner().invoke(load(), words, env=environ, prog_name="creditgate")

    return run


def answer(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)
