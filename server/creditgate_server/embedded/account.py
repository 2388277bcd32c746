from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from creditgate_server.embedded.errors import EmbeddedPostgresError

# Accounts that exist on most systems and own nothing of value, most fitting first.
_UNPRIVILEGED = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """Whom PostgreSQL runs as, since it refuses to run as root.

    `prefix` goes before its command line. `uid` and `gid` are the owner its files need, and
    `switch` says that the process must change to them.
    """

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()
    switch: bool = False

    def run(
        self, command: list[str], *, folder: Path, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end as this account, in `folder`, with its output captured."""
        return subprocess.run(
            [*self.prefix, *command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            user=self.uid if self.switch else None,
            group=self.gid if self.switch else None,
            extra_groups=[] if self.switch else None,
        )

    def can_use(self, parent: Path, postgres: Path) -> bool:
        """Whether this account reaches a folder in `parent`, and the program."""
        try:
            reach = self.run(["test", "-x", str(parent)], folder=Path("/"))
            runs = self.run([str(postgres), "--version"], folder=Path("/"))
        except OSError:
            return False
        return reach.returncode == 0 and runs.returncode == 0

    def make_private(self, folder: Path) -> None:
        """Makes a folder, or takes one over, that only this account can enter.

        Root takes over what it gave to another account before. Raises EmbeddedPostgresError if
        the folder is anybody else's.
        """
        folder.mkdir(mode=0o700, exist_ok=True)
        ours = {os.geteuid(), self.uid}
        if os.geteuid() == 0:
            ours.update(entry.pw_uid for entry in _entries())
        if folder.is_symlink() or folder.stat().st_uid not in ours:
            raise EmbeddedPostgresError(f"{folder} belongs to somebody else")
        folder.chmod(0o700)
        self.own(folder)

    def own(self, path: Path) -> None:
        """Gives a path, and what is in it, to this account, if it belongs to another."""
        if path.stat().st_uid == self.uid:
            return
        inside = (Path(at, name) for at, *names in os.walk(path) for name in chain(*names))
        for item in chain([path], inside):
            os.chown(item, self.uid, self.gid, follow_symlinks=False)


def choose_account(parent: Path, postgres: Path) -> Account:
    """The account to run PostgreSQL as, so that nothing outside its own folder is touched.

    Oneself, if that is somebody other than root. For root, a user namespace in which root's
    files belong to an ordinary user; where the system forbids that, an unprivileged account
    that exists already. Raises EmbeddedPostgresError if neither can reach `parent` and run
    `postgres`.
    """
    own = Account(os.geteuid(), os.getegid())
    if own.uid != 0 and _has_name(own.uid):
        return own
    for account in [*_in_user_namespace(own), *_existing_accounts(own)]:
        if account.can_use(parent, postgres):
            return account
    who = "root" if own.uid == 0 else f"user {own.uid}, who has no name"
    raise EmbeddedPostgresError(
        f"PostgreSQL does not run as {who}, and no other account reaches both {parent} and "
        f"{postgres}. Run this as an ordinary user, or point CREDITGATE_DATABASE_URL at a "
        "running PostgreSQL.",
    )


def _has_name(uid: int) -> bool:
    # initdb refuses to work for a user that the system has no name for.
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _in_user_namespace(own: Account) -> Iterator[Account]:
    program = shutil.which("unshare")
    for entry in _entries():
        if program:
            mapped = (f"--map-user={entry.pw_uid}", f"--map-group={entry.pw_gid}")
            yield Account(own.uid, own.gid, (program, "--user", *mapped))


def _existing_accounts(own: Account) -> Iterator[Account]:
    if own.uid == 0:
        for entry in _entries():
            yield Account(entry.pw_uid, entry.pw_gid, switch=True)


def _entries() -> Iterator[pwd.struct_passwd]:
    for name in _UNPRIVILEGED:
        try:
            yield pwd.getpwnam(name)
        except KeyError:
            continue
