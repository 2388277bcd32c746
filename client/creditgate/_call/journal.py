"""What calls have used, on disk: told to the service as soon as it can be, also after a crash."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from creditgate.v1 import authorization_service_pb2 as messages

log = logging.getLogger("creditgate")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The newest total of one call.

    `commit` is the request that charges it and ends the hold, and `reserve` the one to send before,
    where nobody has answered it. While the call runs it is not `is_final`: such an entry counts
    only when the process that wrote it is gone.
    """

    commit: messages.CommitRequest
    reserve: messages.ReserveRequest | None = None
    gateway_id: str = ""
    epoch: int = 0
    is_final: bool = False

    @property
    def name(self) -> tuple[str, str]:
        """The account and the hold."""
        return self.commit.account_id, self.commit.hold_id

    def to_json(self) -> str:
        """The entry as its file has it."""
        fields: dict[str, Any] = {
            "gateway_id": self.gateway_id,
            "epoch": self.epoch,
            "is_final": self.is_final,
            "commit": MessageToDict(self.commit),
        }
        if self.reserve is not None:
            fields["reserve"] = MessageToDict(self.reserve)
        return json.dumps(fields, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a file. Raises ValueError where it is none of ours."""
        try:
            fields = json.loads(text)
            reserve = fields.get("reserve")
            return cls(
                commit=ParseDict(fields["commit"], messages.CommitRequest()),
                reserve=reserve and ParseDict(reserve, messages.ReserveRequest()),
                gateway_id=str(fields["gateway_id"]),
                epoch=int(fields["epoch"]),
                is_final=bool(fields["is_final"]),
            )
        except (LookupError, TypeError, AttributeError, ParseError) as error:
            raise ValueError(f"no entry of a journal: {error}") from error


class Journal:
    """A folder with one small file for each call that is not settled. One client at a time has it.

    A file is complete or not there, whatever happens while it is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock: int | None = None

    def open(self) -> None:
        """Take the folder; it is made where there is none. Raises RuntimeError when it is taken."""
        if self._lock is not None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise RuntimeError(f"another client uses the journal {self._folder}") from error
        self._lock = lock
        for unfinished in self._folder.glob("*.tmp"):
            unfinished.unlink()

    def close(self) -> None:
        """Give the folder back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def write(self, entry: Entry) -> None:
        """Keep an entry, in the place of an earlier one of the same call, so that it survives."""
        path = self._path(entry)
        unfinished = path.with_suffix(".tmp")
        file = os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        try:
            os.write(file, entry.to_json().encode())
            os.fsync(file)
        finally:
            os.close(file)
        unfinished.replace(path)
        self._sync_folder()

    def remove(self, entry: Entry) -> None:
        """Forget a call that is settled."""
        with suppress(FileNotFoundError):
            self._path(entry).unlink()

    def set_aside(self, entry: Entry) -> None:
        """Keep an entry that the service refuses for people to look at, and send it no more."""
        with suppress(FileNotFoundError):
            self._path(entry).replace(self._path(entry).with_suffix(".refused"))

    def read(self) -> Iterator[Entry]:
        """All entries there are, oldest first; what is none of ours is left alone."""
        for path in sorted(self._folder.glob("*.json"), key=lambda each: each.stat().st_mtime_ns):
            try:
                yield Entry.from_json(path.read_text("utf-8"))
            except ValueError as error:
                log.warning("%s: %s", path, error)

    def _path(self, entry: Entry) -> Path:
        # Names of holds may have slashes, and be longer than names of files.
        digest = hashlib.sha256("\n".join(entry.name).encode()).hexdigest()
        return self._folder / f"{digest[:40]}.json"

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
