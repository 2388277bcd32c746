"""`.creditgate/` in the current folder: what `dev` keeps from one run to the next."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


class FolderInUseError(Exception):
    """Another `creditgate-server dev` runs in this folder."""


class LocalFolder:
    """The folder and its secrets, which only their owner can read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.postgres = path / "postgres"
        self.env = path / "env"
        self._pepper = path / "pepper"
        self._lock = path / "lock"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder, and keep others out of it. Raises FolderInUseError."""
        self.path.mkdir(exist_ok=True)
        with self._lock.open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise FolderInUseError(
                    f"another `creditgate-server dev` (process {lock.read().strip() or '?'})"
                    f" runs in {self.path}; stop it, or work in another folder"
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def pepper(self) -> str:
        """Read the secret that keys are kept under; made at first use."""
        if not self._pepper.exists():
            _write_private(self._pepper, secrets.token_urlsafe(32) + "\n")
        return self._pepper.read_text(encoding="utf-8").strip()

    def read_env(self) -> Mapping[str, str]:
        """Read what the client reads to find the server; empty before the first run."""
        if not self.env.exists():
            return {}
        lines = self.env.read_text(encoding="utf-8").splitlines()
        pairs = (line.partition("=") for line in lines if not line.startswith("#"))
        return {name: value for name, equals, value in pairs if equals}

    def write_env(self, *, target: str, api_key: str) -> None:
        """Write where the server is and a key to it, for the client to find."""
        head = "# Written by `creditgate-server dev`; the client looks here.\n"
        pairs = f"CREDITGATE_TARGET={target}\nCREDITGATE_API_KEY={api_key}\n"
        _write_private(self.env, head + pairs)


def _write_private(path: Path, text: str) -> None:
    """Replace a file at once, readable for its owner alone from the first byte."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
