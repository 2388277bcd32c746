from __future__ import annotations

import os
import shutil
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from creditgate_server.embedded import EmbeddedPostgres, EmbeddedPostgresError
from creditgate_server.embedded import cluster as cluster_module
from tests.support.database import run, unused_folder
from tests.support.processes import processes_of, wait_until


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that any account could reach, and that is gone afterwards."""
    path = unused_folder("creditgate-embedded-")
    yield path
    assert processes_of(path) == []
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def initialised() -> Iterator[Path]:
    """A folder whose data are made, to be copied."""
    path = unused_folder("creditgate-embedded-")
    with EmbeddedPostgres(path):
        pass
    yield path
    shutil.rmtree(path)


@pytest.fixture
def postgres(folder: Path, initialised: Path) -> Iterator[EmbeddedPostgres]:
    shutil.copytree(initialised, folder)
    with EmbeddedPostgres(folder) as postgres:
        yield postgres


async def query(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def ask(url: str, sql: str) -> object:
    return run(query(url, sql))


def test_keeps_what_it_acknowledges(postgres: EmbeddedPostgres) -> None:
    for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert ask(postgres.url(), f"SHOW {setting}") == "on"


def test_listens_on_nothing_but_its_socket(postgres: EmbeddedPostgres) -> None:
    assert ask(postgres.url(), "SHOW listen_addresses") == ""
    with pytest.raises(EmbeddedPostgresError, match="tcp_port"):
        postgres.tcp_url()


def test_over_tcp_it_asks_for_the_password(folder: Path) -> None:
    with socket.socket() as reservation:
        reservation.bind(("127.0.0.1", 0))
        port = reservation.getsockname()[1]
    with EmbeddedPostgres(folder, tcp_port=port) as postgres:
        assert ask(postgres.tcp_url(), "SELECT 1") == 1
        with pytest.raises(asyncpg.InvalidPasswordError):
            ask(f"postgresql://postgres:guess@127.0.0.1:{port}/postgres", "SELECT 1")


@pytest.mark.usefixtures("postgres")
def test_only_its_owner_can_enter_its_folders(folder: Path) -> None:
    for path in (folder, folder / "run", folder / "data"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600


def test_touches_nothing_outside_its_folder(tmp_path: Path) -> None:
    parents = [tmp_path / "closed", tmp_path / "closed" / "deeper"]
    for parent in parents:
        parent.mkdir(mode=0o700)
    accounts = Path("/etc/passwd").read_bytes()
    with EmbeddedPostgres(parents[-1] / "postgres") as postgres:
        assert ask(postgres.url(), "SELECT 1") == 1
    for parent in parents:
        assert stat.S_IMODE(parent.stat().st_mode) == 0o700
        assert parent.stat().st_uid == os.geteuid()
    assert Path("/etc/passwd").read_bytes() == accounts


def test_data_stay_from_start_to_start(postgres: EmbeddedPostgres) -> None:
    ask(postgres.url(), "CREATE TABLE kept AS SELECT 42 AS answer")
    url = postgres.url()
    postgres.stop()
    assert postgres.pid is None
    assert postgres.start() == url
    assert ask(url, "SELECT answer FROM kept") == 42


@pytest.mark.parametrize("crash", ["immediate", "kill"])
def test_recovers_what_was_committed_before_a_crash(
    postgres: EmbeddedPostgres, folder: Path, crash: str
) -> None:
    ask(postgres.url(), "CREATE TABLE kept AS SELECT 42 AS answer")
    if crash == "kill":
        postgres.kill()
    else:
        postgres.stop("immediate")
    assert processes_of(folder) == []
    postgres.start()
    assert ask(postgres.url(), "SELECT answer FROM kept") == 42
    assert "not properly shut down" in postgres.log_path.read_text()


def test_a_server_that_died_is_noticed_and_can_be_started(postgres: EmbeddedPostgres) -> None:
    first = postgres.pid
    assert first
    os.kill(first, 9)
    wait_until(lambda: postgres.pid is None)
    postgres.start()
    assert postgres.pid not in (None, first)
    assert ask(postgres.url(), "SELECT 1") == 1


def test_a_pid_file_that_names_a_stranger_is_no_obstacle(
    postgres: EmbeddedPostgres, folder: Path
) -> None:
    postgres.stop()
    (folder / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{folder / 'data'}\n")
    postgres.start()
    assert ask(postgres.url(), "SELECT 1") == 1


def test_a_folder_has_one_server_at_a_time(postgres: EmbeddedPostgres, folder: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="Another process runs PostgreSQL in"):
        EmbeddedPostgres(folder).start(timeout_seconds=0.3)
    assert ask(postgres.url(), "SELECT 1") == 1


def test_several_servers_run_side_by_side(postgres: EmbeddedPostgres) -> None:
    other = unused_folder("creditgate-embedded-")
    with EmbeddedPostgres(other) as second:
        ask(second.url(), "CREATE TABLE only_here ()")
        assert ask(postgres.url(), "SELECT to_regclass('only_here')") is None
    shutil.rmtree(other)


def test_outlives_the_thread_that_started_it(postgres: EmbeddedPostgres) -> None:
    postgres.stop()
    thread = threading.Thread(target=postgres.start)
    thread.start()
    thread.join()
    # The kernel's way of tying processes together ties them to threads.
    assert ask(postgres.url(), "SELECT pg_sleep(0.5) IS NOT NULL")


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / "postgres"
    with EmbeddedPostgres(folder) as postgres:
        assert ask(postgres.url(), "SELECT 1") == 1
        place = Path(str(ask(postgres.url(), "SHOW unix_socket_directories")).strip('"'))
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert not place.is_relative_to(folder)
    assert not place.exists()


def test_a_short_socket_folder_made_by_somebody_else_is_refused(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path / ("long" * 30) / "postgres")
    place = postgres._socket_folder()
    place.symlink_to(tmp_path)
    try:
        with pytest.raises(EmbeddedPostgresError, match="belongs to somebody else"):
            postgres.start()
    finally:
        place.unlink()


def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "letter").touch()
    with pytest.raises(EmbeddedPostgresError, match="holds something else"):
        EmbeddedPostgres(tmp_path).start()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_half_made_data_are_made_again(folder: Path, initialised: Path) -> None:
    shutil.copytree(initialised, folder)
    shutil.move(folder / "data", folder / "data.new")
    (folder / "data.new" / "PG_VERSION").unlink()
    with EmbeddedPostgres(folder) as postgres:
        assert ask(postgres.url(), "SELECT 1") == 1
    assert not (folder / "data.new").exists()


def test_a_locale_that_is_missing_is_done_without(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "_LOCALES", ("xx_XX.UTF-8", "C"))
    with EmbeddedPostgres(folder) as postgres:
        assert ask(postgres.url(), "SHOW server_encoding") == "UTF8"


def test_a_wrong_setting_is_reported_with_the_log(folder: Path, initialised: Path) -> None:
    shutil.copytree(initialised, folder)
    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
        EmbeddedPostgres(folder, options={"no_such_setting": "1"}).start()


def test_the_environment_of_the_caller_does_not_matter(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.stop()
    for name, value in {"PGDATA": "/nowhere", "PGPORT": "1", "LC_ALL": "xx_XX"}.items():
        monkeypatch.setenv(name, value)
    postgres.start()
    assert ask(postgres.url(), "SELECT 1") == 1


def test_stopping_twice_is_as_good_as_once(postgres: EmbeddedPostgres, folder: Path) -> None:
    postgres.stop()
    postgres.stop()
    assert not (folder / "data" / "postmaster.pid").exists()
