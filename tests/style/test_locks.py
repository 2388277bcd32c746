"""The hash-pinned files are what pyproject.toml asks for, and nothing that harms."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def pins(lock: Path) -> dict[str, str]:
    """The version of each package that a lock file names."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", lock.read_text(), re.MULTILINE))


def wanted(lock: str) -> list[Requirement]:
    """What pyproject.toml asks for directly, for the set of this name."""
    root, client = (
        tomllib.loads((ROOT / name).read_text())
        for name in ("pyproject.toml", "client/pyproject.toml")
    )
    server = [*root["project"]["dependencies"], *client["project"]["dependencies"]]
    server += client["project"]["optional-dependencies"]["cli"]
    embedded = root["project"]["optional-dependencies"]["embedded"]
    group = {name: expanded(root["dependency-groups"], name) for name in root["dependency-groups"]}
    texts = {
        "build": group["build"],
        "server": server,
        "run": server + embedded + group["build"],
        "dev": server + embedded + group["dev"],
        "gen": group["gen"],
    }[lock]
    return [each for each in map(Requirement, texts) if each.name != "creditgate"]


def expanded(groups: dict[str, list[Any]], name: str) -> list[str]:
    return [
        text
        for each in groups[name]
        for text in (
            [each] if isinstance(each, str) else expanded(groups, str(each["include-group"]))
        )
    ]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_direct_dependency_is_pinned_as_asked(lock: Path) -> None:
    pinned = pins(lock)
    for requirement in wanted(lock.stem):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version, f"{requirement.name} is not in {lock.name}: run `make lock`"
        assert requirement.specifier.contains(version, prereleases=True), (
            f"{lock.name} pins {requirement.name} {version}: run `make lock`"
        )


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_everything_pinned_has_its_hashes_and_names_no_address(lock: Path) -> None:
    entries = re.split(r"\n(?=\S)", lock.read_text().strip())
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in lock.read_text()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_what_breaks_the_telemetry_is_never_installed(lock: Path) -> None:
    # These bring an old copy of opentelemetry's messages, which overwrites the real one.
    assert {"grpcio-admin", "grpcio-csds", "xds-protos"} & set(pins(lock)) == set()


def test_a_smaller_set_is_part_of_the_larger() -> None:
    build, server, run, dev = (
        pins(ROOT / f"requirements/{name}.txt") for name in ("build", "server", "run", "dev")
    )
    assert build.items() <= run.items()
    assert server.items() <= run.items() <= dev.items()
