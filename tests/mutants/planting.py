"""Plants a mutant in a copy of the repository and runs there the test that has to find it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.mutants.mutant import Mutant
from tests.support.postgres_faults import ROOT, changed

COPIED = ("server", "client", "migrations", "tests", "pyproject.toml")
TESTS_FAILED = 1
_TIMEOUT_SECONDS = 170


class Verdict(NamedTuple):
    """How a run of one test ended; `failure` is its line of pytest's summary."""

    code: int
    failure: str
    output: str


class Copy:
    """A copy of the repository that bugs are planted in, one at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in COPIED:
            if (ROOT / name).is_dir():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / name, folder / name, ignore=ignore)
            else:
                shutil.copy(ROOT / name, folder / name)
        paths = os.pathsep.join(str(folder / name) for name in ("server", "client"))
        self._environ = os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
        self._assert_that_it_is_what_runs()

    def try_on(self, mutant: Mutant, *, postgres: str | None) -> Verdict:
        """Plants one bug, runs its test, and takes the bug out again."""
        path = self._folder / mutant.file
        text = path.read_text()
        path.write_text(changed(text, (mutant.old, mutant.new), where=mutant.file))
        try:
            return self.run([mutant.caught_by], postgres=postgres)
        finally:
            path.write_text(text)

    def run(self, tests: list[str], *, postgres: str | None) -> Verdict:
        """Runs tests in the copy."""
        options = ["-q", "-x", "-rfE", "-p", "no:cacheprovider", "-m", ""]
        options += [f"--postgres={postgres}"] if postgres else []
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=self._folder,
            env=self._environ | {"COLUMNS": "300"},
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_SECONDS * len(tests),
        )
        found = re.search(r"^FAILED (.+)$", done.stdout, re.MULTILINE)
        return Verdict(done.returncode, found[1] if found else "", done.stdout)

    def _assert_that_it_is_what_runs(self) -> None:
        program = (
            "import creditgate, creditgate_server as s; print(creditgate.__file__, s.__file__)"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=self._folder,
            env=self._environ,
            capture_output=True,
            text=True,
            check=True,
        )
        for place in done.stdout.split():
            assert Path(place).is_relative_to(self._folder), place
