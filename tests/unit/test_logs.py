from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest

from creditgate_server import logs
from creditgate_server.domain.keys import new_key

LOG = logging.getLogger("creditgate_server.test")


@pytest.fixture(autouse=True)
def root_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


def written(form: str = "json", ids: tuple[str, str] | None = None) -> io.StringIO:
    stream = io.StringIO()
    logs.configure(level="info", form=form, trace_ids=lambda: ids, stream=stream)
    return stream


def fail(text: str) -> None:
    raise ValueError(text)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_time_level_and_what_was_added() -> None:
    stream = written()
    LOG.info("served %d", 3, extra={"rpc": "Reserve"})
    LOG.debug("not this")
    [line] = lines(stream)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "creditgate_server.test",
        "message": "served 3",
        "process": os.getpid(),
        "rpc": "Reserve",
    }


def test_a_line_carries_the_ids_of_the_trace_it_belongs_to() -> None:
    stream = written(ids=("a" * 32, "b" * 16))
    LOG.warning("slow")
    [line] = lines(stream)
    assert (line["trace_id"], line["span_id"]) == ("a" * 32, "b" * 16)


def test_an_exception_is_part_of_its_line() -> None:
    stream = written()
    try:
        fail("two\nlines")
    except ValueError:
        LOG.exception("failed")
    [line] = lines(stream)
    assert "ValueError: two\nlines" in line["exception"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_secrets_are_blanked_out_wherever_they_come_from(form: str) -> None:
    key = new_key().text
    stream = written(form)
    LOG.info("key %s", key, extra={"metadata": f"Bearer {key}"})
    LOG.info("url postgresql://me:hunter2@host/db and /db?user=me&password=hunter2&x=1")
    LOG.info("secret whsec_c2VjcmV0+/==")
    try:
        fail(f"cannot use {key} at postgresql://me:hunter2@host")
    except ValueError:
        LOG.exception("failed")
    text = stream.getvalue()
    assert key not in text
    assert key.split("_")[2] not in text
    assert "hunter2" not in text
    assert "c2VjcmV0" not in text
    assert f"cg_{key.split('_')[1]}_***" in text, "the public id helps to find the key"
    if form == "json":
        assert len(lines(stream)) == 4


def test_text_for_people_keeps_a_message_on_its_line() -> None:
    stream = written("text", ids=("a" * 32, "b" * 16))
    LOG.info("one\n2026-01-01 error forged", extra={"rpc": "Reserve"})
    [line] = stream.getvalue().splitlines()
    assert "one\\n2026" in line
    assert line.endswith(f"rpc=Reserve trace_id={'a' * 32} span_id={'b' * 16}")
