"""What the manuals show works as it is written."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.client.conftest import Fake

ROOT = Path(__file__).parents[2]
MANUALS = ("docs/sdk.md", "docs/usage.md", "docs/dashboard.md", "client/README.md")


@dataclass
class Reply:
    cost: Decimal = Decimal("1.5")


async def llm(prompt: str) -> Reply:
    """What the examples call and everybody has."""
    assert prompt
    return Reply()


def work(limit: Decimal) -> Iterator[Reply]:
    while limit > 0:
        yield Reply(min(limit, Decimal("1.5")))
        limit -= Decimal("1.5")


def examples() -> list[Any]:
    found = []
    for name in MANUALS:
        text = (ROOT / name).read_text()
        for number, code in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL), 1):
            found.append(pytest.param(code, id=f"{name} {number}"))
    return found


@pytest.mark.parametrize("code", examples())
def test_examples_run(
    code: str, fake: Fake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CREDITGATE_TARGET", fake.target)
    monkeypatch.setenv("CREDITGATE_API_KEY", "key")
    code = code.replace('"127.0.0.1:50051", api_key="cg_..."', "")
    program = compile(code, "example", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    running = eval(program, {"llm": llm, "work": work})  # noqa: S307 - the manual's own words
    if inspect.iscoroutine(running):
        asyncio.run(running)


def test_there_are_examples() -> None:
    assert len(examples()) >= 5
