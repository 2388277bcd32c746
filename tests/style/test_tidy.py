"""What a reviewer should not have to look for."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = ("client/creditgate/v1/", "requirements/", "protos/google/")
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
FILE_BYTES_MAX = 500_000

# Each with a letter in brackets, so that this file does not hold what it looks for.
LEFTOVERS = r"\b(T[O]DO|FIX[M]E|X[X]X|HA[C]K)\b"
MACHINE_PATHS = r"(?<![\w.}/-])/(w[o]rk|r[o]ot|h[o]me|U[s]ers)/"
INDEX_HOSTS = r"p[y]pi\.org|p[y]thonhosted\.org|registry\.n[p]mjs|deb\.d[e]bian\.org"
SECTIONS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@cache
def files() -> tuple[str, ...]:
    """The paths of what is committed or would be."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(name for name in sorted(set(listed.splitlines())) if (ROOT / name).is_file())


def ours(*endings: str) -> list[str]:
    """The paths of what people write here."""
    return [
        name
        for name in files()
        if not name.startswith(GENERATED) and name != "LICENSE" and name.endswith(endings or "")
    ]


@cache
def text(name: str) -> str:
    try:
        return (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def lines_with(pattern: str, names: list[str]) -> list[str]:
    """Where a pattern occurs, as path:line: text."""
    return [
        f"{name}:{number}: {line.strip()}"
        for name in names
        for number, line in enumerate(text(name).splitlines(), 1)
        if re.search(pattern, line)
    ]


def test_files_are_short_enough_to_read() -> None:
    lengths = {name: text(name).count("\n") for name in ours(".py", ".sql")}
    assert {name: n for name, n in lengths.items() if n > FILE_LINES_MAX} == {}


def test_functions_are_short_enough_to_see() -> None:
    lengths = {
        f"{name}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for name in ours(".py")
        for node in ast.walk(ast.parse(text(name)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: n for name, n in lengths.items() if n > FUNCTION_LINES_MAX} == {}


def test_nothing_is_left_for_later() -> None:
    assert lines_with(LEFTOVERS, ours()) == []


def test_nothing_names_a_place_on_somebodys_machine() -> None:
    assert lines_with(MACHINE_PATHS, ours()) == []


def test_nothing_names_the_host_of_a_package_index() -> None:
    assert lines_with(INDEX_HOSTS, list(files())) == []


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"}
    assert [name for name in files() if Path(name).name in drawers] == []


def test_nothing_large_is_committed() -> None:
    assert [name for name in files() if (ROOT / name).stat().st_size > FILE_BYTES_MAX] == []


def test_lines_end_where_their_text_ends() -> None:
    assert lines_with(r"[ \t]$", ours()) == []
    assert [name for name in ours() if text(name) and not text(name).endswith("\n")] == []


def test_both_packages_have_one_version() -> None:
    server, client = (
        tomllib.loads(text(name))["project"] for name in ("pyproject.toml", "client/pyproject.toml")
    )
    assert server["version"] == client["version"]
    wanted = [each for each in server["dependencies"] if re.match(r"creditgate\b", each)]
    assert [each.rpartition("==")[2] for each in wanted] == [client["version"]]


def test_both_packages_have_the_licence() -> None:
    assert text("client/LICENSE") == text("LICENSE")


def test_the_changelog_keeps_its_shape() -> None:
    changelog = text("CHANGELOG.md")
    assert changelog.startswith("# Changelog\n")
    first, *releases = re.findall(r"^## (.+)$", changelog, re.MULTILINE)
    assert first == "[Unreleased]"
    matches = [
        re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - \d{4}-\d\d-\d\d", title) for title in releases
    ]
    assert all(matches)
    versions = [tuple(map(int, match.groups())) for match in matches if match]
    assert all(newer > older for newer, older in pairwise(versions))
    assert set(re.findall(r"^### (.+)$", changelog, re.MULTILINE)) <= SECTIONS


@pytest.mark.parametrize(
    ("pattern", "caught", "free"),
    [
        (LEFTOVERS, "# T{}DO: later", "mastod{}n"),
        (MACHINE_PATHS, "cd /w{}rk/project", "a netw{}rk/path"),
        (INDEX_HOSTS, "https://files.pyth{}nhosted.org/packages", "the pyth{}n package index"),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern: str, caught: str, free: str) -> None:
    assert not re.search(pattern, free.format("o"))
    assert re.search(pattern, caught.format("O" if "T{}DO" in caught else "o"))
