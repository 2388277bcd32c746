"""A bug to plant, and how its place and its test are named."""

from __future__ import annotations

from dataclasses import dataclass

SQL = "migrations/functions/"
SERVER = "server/creditgate_server/"


@dataclass(frozen=True)
class Mutant:
    """One bug. `caught_by` is the test that must fail; `every_run` puts it in the default suite."""

    name: str
    file: str
    old: str
    new: str
    caught_by: str
    every_run: bool = False


def contract(case: str) -> str:
    """A case of the contract, asked of the real server."""
    return f"tests/contract/test_contract.py::test_server[{case}]"
