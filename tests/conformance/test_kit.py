"""The kit itself: what it says it shows, and that it needs nothing but an address and a key."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

from tests.conformance.behaviours import BEHAVIOURS, FOLDER, README, shown_by, written_anew
from tests.conformance.waiting import together
from tests.conformance.world import World

ROOT = FOLDER.parents[1]
OWN_SERVER = "own_server.py"


def test_the_readme_says_what_is_shown_and_what_is_not() -> None:
    assert README.read_text() == written_anew(README.read_text())


def test_every_behaviour_is_shown_or_it_is_said_why_not() -> None:
    names = [f"V{number}" for number in range(1, 59)] + [f"C{number}" for number in range(1, 17)]
    assert [each.name for each in BEHAVIOURS] == names
    shown = shown_by()
    assert shown.keys() <= set(names)
    assert [each.name for each in BEHAVIOURS if each.name not in shown and not each.without] == []
    for each in BEHAVIOURS:
        if each.name in shown:
            assert not each.without.startswith("out of scope"), each.name
        for path in re.findall(r"\b(?:tests|bench)/[\w/.]*", each.without):
            assert (ROOT / path).exists(), path


def test_the_kit_knows_the_messages_and_nothing_of_the_server() -> None:
    for path in FOLDER.glob("*.py"):
        known = set(_imports(path))
        if path.name != OWN_SERVER:
            assert not {name for name in known if name.startswith("tests.support")}, path
        ours = {name for name in known if name.startswith("creditgate")}
        assert {name for name in ours if not name.startswith("creditgate.v1")} == set(), path


def _imports(path: Path) -> list[str]:
    """The modules that a file imports when it is loaded; own_server is loaded on demand."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(node.module or "")
    return found


@together
def test_the_kit_runs_where_there_is_an_address_and_a_key_alone(world: World) -> None:
    """Python itself is told that there is no server here to import."""
    without = "import sys; sys.modules['creditgate_server'] = None; import pytest; "
    options = ["--confcutdir", str(FOLDER), str(FOLDER), "-q", "-p", "no:cacheprovider"]
    options += ["--target", world.service.targets[0], "--api-key", world.service.key]
    options += ["-k", "v02 or v16 or v50"]
    done = subprocess.run(
        [sys.executable, "-c", f"{without}sys.exit(pytest.main({options!r}))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed, 1 skipped" in done.stdout
