"""What `docs/examples` shows is what it does: each is run as its reader would, beside a server."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from creditgate.testing import FakeCreditgate
from tests.support.database import Database
from tests.support.server import running_server

FOLDER = Path(__file__).parents[2] / "docs" / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))
SECONDS_MAX = 60


@pytest.fixture
async def environ(place: Database | None) -> AsyncIterator[dict[str, str]]:
    """The environment of a program that finds a server by it, as everybody's does."""
    if place is None:
        with FakeCreditgate(api_key="key") as fake:
            yield {"CREDITGATE_TARGET": fake.target, "CREDITGATE_API_KEY": "key"}
    else:
        async with running_server(place.url) as server:
            yield {"CREDITGATE_TARGET": server.target, "CREDITGATE_API_KEY": server.key}


async def printed(example: Path, environ: dict[str, str]) -> str:
    """What an example prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        example,
        env=os.environ | environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(SECONDS_MAX):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output.decode()


async def test_what_is_recorded_is_what_they_print(environ: dict[str, str]) -> None:
    # At once, because some of them wait; as customers of one tenant they do not see each other.
    outputs = await asyncio.gather(*(printed(example, environ) for example in EXAMPLES))
    for example, output in zip(EXAMPLES, outputs, strict=True):
        assert output == example.with_suffix(".txt").read_text(), example.name


async def test_they_print_the_same_when_they_are_run_again() -> None:
    with FakeCreditgate() as fake:
        environ = {"CREDITGATE_TARGET": fake.target, "CREDITGATE_API_KEY": ""}
        first, again = [
            await asyncio.gather(*(printed(example, environ) for example in EXAMPLES))
            for _ in range(2)
        ]
    assert first == again


def test_each_is_listed_and_recorded() -> None:
    listed = re.findall(r"\(((\w+)\.(?:py|txt))\)", (FOLDER / "README.md").read_text())
    names = [name for each in EXAMPLES for name in (each.name, each.with_suffix(".txt").name)]
    assert [name for name, _ in listed] == names
    assert len(EXAMPLES) >= 2
