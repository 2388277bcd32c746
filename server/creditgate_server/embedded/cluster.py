from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self
from urllib.parse import quote

from creditgate_server.embedded.account import Account, choose_account
from creditgate_server.embedded.binaries import Binaries, find_binaries
from creditgate_server.embedded.errors import EmbeddedPostgresError

StopMode = Literal["smart", "fast", "immediate"]

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_PORT = 5432  # names the socket; nothing listens on TCP unless asked
# A socket's path has to fit a fixed field of the system: 104 bytes on macOS, 108 on Linux.
_SOCKET_PATH_BYTES_MAX = 103
_POLL_SECONDS = 0.01
# The second everybody has; without it, a machine that lacks the first has no database.
_LOCALES = ("C.UTF-8", "C")
_HAS_PROC = Path("/proc/self/cwd").exists()
_LOG_TAIL_LINES = 20


class EmbeddedPostgres:
    """A PostgreSQL server of one's own, in one folder, reached over a Unix socket.

    Everything it makes is in `data_dir`: `data/` (the database), `run/` (the socket), `log`.
    Only if that path is too long for a socket does the socket lie in a folder under the
    system's temporary one. Data stays from one start to the next. The server stops when the
    process that started it ends, however that ends. Safe to use from any thread.

    `options` are PostgreSQL settings. With `tcp_port`, it also listens on 127.0.0.1, where the
    password in `tcp_url()` is asked for. `binaries` is a folder or what find_binaries()
    returned; by default those that fit the data that is there, else the best.

    Every method raises EmbeddedPostgresError when it cannot do what it says.
    """

    def __init__(
        self,
        data_dir: Path | str,
        *,
        binaries: Binaries | Path | str | None = None,
        options: Mapping[str, str] | None = None,
        tcp_port: int | None = None,
    ) -> None:
        self._folder = Path(data_dir).resolve()
        self._data = self._folder / "data"
        self._log = self._folder / "log"
        self._password = self._folder / "password"
        self._binaries = binaries
        self._options = dict(options or {})
        self._port = tcp_port or _PORT
        self._listens = tcp_port is not None
        self._mutex = threading.RLock()
        self._supervisor: subprocess.Popen[str] | None = None
        self._pid: int | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the server, or None while it does not run."""
        supervisor = self._supervisor
        return self._pid if supervisor and supervisor.poll() is None else None

    @property
    def log_path(self) -> Path:
        """The server's log; it grows from start to start."""
        return self._log

    def url(self, database: str = "postgres", *, user: str = "postgres") -> str:
        """The address of a database, for asyncpg. `postgres` is the superuser."""
        place = quote(str(self._socket_folder()), safe="/")
        return f"postgresql://{quote(user)}@/{quote(database)}?host={place}&port={self._port}"

    def tcp_url(self, database: str = "postgres") -> str:
        """The address of a database over TCP, as superuser; only with `tcp_port`."""
        if not self._listens:
            raise EmbeddedPostgresError("This server listens on its socket only: give a tcp_port")
        password = self._password.read_text()
        return f"postgresql://postgres:{password}@127.0.0.1:{self._port}/{quote(database)}"

    def start(self, *, timeout_seconds: float = 60.0) -> str:
        """Starts the server, making its data first if there are none; returns its url().

        Waits for a predecessor that is still stopping, and for recovery after a crash.
        """
        with self._mutex:
            if self.pid is not None:
                return self.url()
            self._forget_ended()
            deadline = time.monotonic() + timeout_seconds
            binaries = self._resolve_binaries()
            account = self._prepare_folder(binaries)
            with self._lock(deadline) as lock:
                self._clear_stale_pid_file(deadline)
                if not self._data.exists():
                    self._initialise(binaries, account)
                self._launch(binaries, account, lock)
            self._await_ready(deadline)
            return self.url()

    def stop(self, mode: StopMode = "fast", *, timeout_seconds: float = 60.0) -> None:
        """Stops the server; nothing happens if it does not run.

        `smart` waits for clients to leave, `fast` ends their transactions, `immediate` leaves
        recovery to the next start.
        """
        self._end(mode, timeout_seconds)

    def kill(self) -> None:
        """Kills every process of the server at once, as a crash of the machine would."""
        self._end("kill", 60.0)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _end(self, order: str, timeout_seconds: float) -> None:
        with self._mutex:
            supervisor, self._supervisor = self._supervisor, None
            if supervisor is None:
                return
            try:
                _send(supervisor, order)
                supervisor.wait(timeout_seconds)
            except subprocess.TimeoutExpired:
                self._supervisor = supervisor
                raise EmbeddedPostgresError(
                    f"PostgreSQL did not stop ({order}) within {timeout_seconds} s",
                ) from None
            _close(supervisor)

    def _forget_ended(self) -> None:
        supervisor, self._supervisor = self._supervisor, None
        if supervisor:
            _close(supervisor)

    def _resolve_binaries(self) -> Binaries:
        """The programs to run; they have to be of the version that made the data."""
        there = self._data / "PG_VERSION"
        major = int(there.read_text()) if there.exists() else None
        if self._binaries is None:
            return find_binaries(major=major)
        chosen = self._binaries
        binaries = chosen if isinstance(chosen, Binaries) else Binaries.at(chosen)
        if major not in (None, binaries.major):
            raise EmbeddedPostgresError(
                f"{self._data} was made by PostgreSQL {major}, not {binaries.major}: "
                "use that version's programs, or another folder",
            )
        return binaries

    def _prepare_folder(self, binaries: Binaries) -> Account:
        """Makes the folders, readable for their owner alone, and says who that is."""
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        account = choose_account(self._folder.parent, binaries.folder / "postgres")
        self._refuse_foreign_content()
        for folder in (self._folder, self._socket_folder()):
            account.make_private(folder)
        return account

    def _refuse_foreign_content(self) -> None:
        """A mistaken path must not get its permissions changed."""
        if self._folder.exists() and not (self._folder / "lock").exists():
            strangers = sorted(path.name for path in self._folder.iterdir())
            if strangers:
                raise EmbeddedPostgresError(
                    f"{self._folder} holds something else ({strangers[0]}): name an empty folder",
                )

    def _socket_folder(self) -> Path:
        own = self._folder / "run"
        if len(os.fsencode(own / f".s.PGSQL.{self._port}")) <= _SOCKET_PATH_BYTES_MAX:
            return own
        name = hashlib.sha256(os.fsencode(self._folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"creditgate-{os.geteuid()}-{name}"

    def _lock(self, deadline: float) -> IO[str]:
        """The right to run a server here, which its supervisor holds as long as it lives."""
        lock = (self._folder / "lock").open("a")
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    lock.close()
                    raise self._occupied() from None
                time.sleep(_POLL_SECONDS)
            else:
                return lock

    def _clear_stale_pid_file(self, deadline: float) -> None:
        """Removes what a crash left behind: its process id may be somebody else's by now."""
        path = self._data / "postmaster.pid"
        while (pid := _first_number(path)) is not None and _works_in(pid, self._data):
            if time.monotonic() > deadline:
                raise self._occupied()
            time.sleep(_POLL_SECONDS)
        path.unlink(missing_ok=True)

    def _occupied(self) -> EmbeddedPostgresError:
        return EmbeddedPostgresError(f"Another process runs PostgreSQL in {self._folder}")

    def _initialise(self, binaries: Binaries, account: Account) -> None:
        """Makes the data beside their place and moves them there when they are whole."""
        unfinished = self._folder / "data.new"
        self._password.write_text(secrets.token_hex(16))
        self._password.chmod(0o600)
        account.own(self._password)
        problem = ""
        for locale in _LOCALES:
            shutil.rmtree(unfinished, ignore_errors=True)
            command = [str(binaries.folder / "initdb"), f"--pgdata={unfinished}"]
            command += ["--username=postgres", f"--pwfile={self._password}", "--data-checksums"]
            command += ["--auth-local=trust", "--auth-host=scram-sha-256"]
            command += ["--encoding=UTF8", f"--locale={locale}"]
            done = account.run(command, folder=self._folder, environment=_environment())
            if done.returncode == 0:
                unfinished.rename(self._data)
                return
            problem = done.stdout
            if "locale" not in problem:
                break
        raise EmbeddedPostgresError(f"initdb failed:\n{problem}")

    def _launch(self, binaries: Binaries, account: Account, lock: IO[str]) -> None:
        plan = {
            "parent_pid": os.getpid(),
            "command": [*account.prefix, *_death_signal(), *self._command(binaries)],
            "user": account.uid if account.switch else None,
            "group": account.gid if account.switch else None,
            "extra_groups": [] if account.switch else None,
            "remove_folder": self._temporary_socket_folder(),
        }
        with self._log.open("a") as log:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_SUPERVISOR), json.dumps(plan)],
                cwd=self._folder,
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                pass_fds=[lock.fileno()],
                # A terminal's Ctrl-C is for the server that uses this, which stops it last.
                start_new_session=True,
            )
        assert self._supervisor.stdout
        line = self._supervisor.stdout.readline()
        self._pid = int(line) if line else None

    def _temporary_socket_folder(self) -> str | None:
        folder = self._socket_folder()
        return None if folder.is_relative_to(self._folder) else str(folder)

    def _command(self, binaries: Binaries) -> list[str]:
        options = {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "max_connections": "200",
            **self._options,
            "listen_addresses": "127.0.0.1" if self._listens else "",
            "port": str(self._port),
            "unix_socket_directories": f'"{self._socket_folder()}"',
            "unix_socket_permissions": "0700",
        }
        settings = [f"-c{name}={value}" for name, value in options.items()]
        return [str(binaries.folder / "postgres"), "-D", str(self._data), *settings]

    def _await_ready(self, deadline: float) -> None:
        pid_file = self._data / "postmaster.pid"
        while not _says_ready(pid_file, self._pid):
            if self.pid is None:
                self._end("kill", 60.0)
                raise EmbeddedPostgresError(f"PostgreSQL did not start:\n{self._log_tail()}")
            if time.monotonic() > deadline:
                self._end("kill", 60.0)
                raise EmbeddedPostgresError(f"PostgreSQL is not ready yet:\n{self._log_tail()}")
            time.sleep(_POLL_SECONDS)

    def _log_tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])


def _send(supervisor: subprocess.Popen[str], order: str) -> None:
    assert supervisor.stdin
    try:
        supervisor.stdin.write(f"{order}\n")
        supervisor.stdin.flush()
    except BrokenPipeError:
        return  # it has ended already


def _close(supervisor: subprocess.Popen[str]) -> None:
    for pipe in (supervisor.stdin, supervisor.stdout):
        assert pipe
        with contextlib.suppress(BrokenPipeError):
            pipe.close()


def _environment() -> dict[str, str]:
    """The environment without what would change how PostgreSQL's programs behave or speak."""
    foreign = ("PG", "LC_", "LANG")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "LC_ALL": "C"}


@cache
def _death_signal() -> tuple[str, ...]:
    """A prefix that stops PostgreSQL when its supervisor is killed; empty where there is none."""
    program = shutil.which("setpriv")
    prefix = (str(program), "--pdeathsig", "INT")
    works = program and subprocess.run([*prefix, "true"], check=False, capture_output=True)
    return prefix if works and works.returncode == 0 else ()


def _first_number(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text().splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None


def _says_ready(pid_file: Path, pid: int | None) -> bool:
    """The postmaster writes its state into the eighth line, once clients are welcome."""
    try:
        lines = pid_file.read_text().splitlines()
    except FileNotFoundError:
        return False
    return lines[0:1] == [str(pid)] and [line.strip() for line in lines[7:8]] == ["ready"]


def _works_in(pid: int, folder: Path) -> bool:
    """Whether the process is a server of the data in `folder`, rather than anything else."""
    if _HAS_PROC:
        try:
            return Path(f"/proc/{pid}/cwd").readlink() == folder.resolve()
        except OSError:
            return False
    command = ["ps", "-o", "command=", "-p", str(pid)]
    return (
        str(folder) in subprocess.run(command, capture_output=True, text=True, check=False).stdout
    )
