from __future__ import annotations

from pathlib import Path

import pytest

import creditgate
from creditgate._environment import find_connection, read_env_file

LOCAL = "CREDITGATE_TARGET=127.0.0.1:50051\nCREDITGATE_API_KEY=cg_local\n"


@pytest.fixture
def below(tmp_path: Path) -> Path:
    """A folder below one where a development server wrote its file."""
    (tmp_path / ".creditgate").mkdir()
    (tmp_path / ".creditgate" / "env").write_text(LOCAL)
    folder = tmp_path / "some" / "where"
    folder.mkdir(parents=True)
    return folder


def test_the_environment_comes_first(below: Path) -> None:
    environ = {"CREDITGATE_TARGET": "prod:443", "CREDITGATE_API_KEY": "cg_prod"}
    found = find_connection(environ, cwd=below)
    assert (found.target, found.api_key, found.source) == ("prod:443", "cg_prod", "the environment")


def test_a_local_server_is_found_from_below(below: Path) -> None:
    found = find_connection({}, cwd=below)
    assert (found.target, found.api_key) == ("127.0.0.1:50051", "cg_local")
    assert found.source.endswith(".creditgate/env")


def test_a_local_key_is_never_sent_elsewhere(below: Path) -> None:
    found = find_connection({"CREDITGATE_TARGET": "prod:443"}, cwd=below)
    assert (found.target, found.api_key) == ("prod:443", "")


def test_another_key_may_be_used_on_the_local_server(below: Path) -> None:
    found = find_connection({"CREDITGATE_API_KEY": "cg_other"}, cwd=below)
    assert (found.target, found.api_key) == ("127.0.0.1:50051", "cg_other")


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    found = find_connection({}, cwd=tmp_path)
    assert (found.target, found.api_key) == ("", "")


def test_the_file_may_be_a_shell_script(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("# hello\n\nexport A=1\nB='two words'\nC=\"x=y\"\nnonsense\n")
    assert read_env_file(file) == {"A": "1", "B": "two words", "C": "x=y"}


def test_a_client_finds_its_server_by_itself(below: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(below)
    monkeypatch.delenv("CREDITGATE_TARGET", raising=False)
    assert creditgate.Client().target == "127.0.0.1:50051"


def test_a_client_without_a_target_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CREDITGATE_TARGET", raising=False)
    with pytest.raises(ValueError, match="set CREDITGATE_TARGET"):
        creditgate.Client()
