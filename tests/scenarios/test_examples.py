"""What `docs/examples` shows is what it does: each is run as its reader would, beside a server."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

from creditgate.testing import FakeCreditgate
from tests.support.database import Database
from tests.support.server import running_server

FOLDER = Path(__file__).parents[2] / "docs" / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))
SECONDS_MAX = 60
# Calls of examples have real seconds: a machine that stalls for one of them counts another one.
RUNS_MAX = 3


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


async def check(programs: list[Path], *, target: str, key: str) -> None:
    """Run programs, all at once because some of them wait, and compare what they print."""
    environ = {"CREDITGATE_TARGET": target, "CREDITGATE_API_KEY": key}
    await asyncio.gather(*(compare(program, environ) for program in programs))


async def compare(program: Path, environ: dict[str, str]) -> None:
    """Compare what a program prints with what is recorded; it is right if it can print that."""
    recorded = program.with_suffix(".txt").read_text()
    output = ""
    for _ in range(RUNS_MAX):
        output = await printed(program, environ)
        if output == recorded:
            return
    assert output == recorded, program.name


async def test_what_is_recorded_is_what_they_print(database: Database) -> None:
    async with running_server(database.url) as server:
        await check(EXAMPLES, target=server.target, key=server.key)


async def test_so_it_is_with_the_fake_and_again() -> None:
    with FakeCreditgate(api_key="key") as fake:
        await check([*EXAMPLES, *EXAMPLES], target=fake.target, key="key")


def test_each_is_listed_and_recorded() -> None:
    listed = re.findall(r"\(((\w+)\.(?:py|txt))\)", (FOLDER / "README.md").read_text())
    names = [name for each in EXAMPLES for name in (each.name, each.with_suffix(".txt").name)]
    assert [name for name, _ in listed] == names
    assert len(EXAMPLES) >= 2
