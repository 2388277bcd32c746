"""What docs/events.md shows works as it is written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from creditgate.v1 import delivery_pb2
from creditgate.v1 import event_service_pb2 as pb
from creditgate_server.domain.deliveries import RETRY_SECONDS
from creditgate_server.domain.events import EventKind
from tests.support.database import Database
from tests.support.receiver import receiving
from tests.support.server import running_server, until

TEXT = (Path(__file__).parents[2] / "docs/events.md").read_text()


def block(language: str) -> str:
    """The first block of code in a language."""
    match = re.search(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert match is not None
    return match[1]


def shape(value: Any) -> Any:
    """What a piece of JSON is like, but for its details."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items() if key != "details"}
    return type(value)


async def test_a_receiver_can_verify_and_read_as_it_is_shown(database: Database) -> None:
    names: dict[str, Any] = {}
    exec(block("python"), names)  # noqa: S102 - the manual's own example
    settings: dict[str, Any] = {"webhook_allow_private": True, "delivery_interval_ms": 50}
    async with (
        receiving() as receiver,
        running_server(database.url, **settings) as server,
        server.caller() as caller,
    ):
        endpoint = delivery_pb2.Endpoint(endpoint_id="billing", webhook_url=receiver.url)
        made = await caller.events.PutEndpoint(pb.PutEndpointRequest(endpoint=endpoint))
        await caller.account(account_id="acme", credits_=10)
        await until(lambda: bool(receiver.got))
    (got,) = receiver.got
    verified = names["verified"]
    assert verified(made.secret, got.headers, got.body)
    assert not verified(made.secret, got.headers, got.body + b" ")
    assert not verified(made.secret[:-4] + "AAA=", got.headers, got.body)
    old = got.headers | {"webhook-timestamp": str(int(got.headers["webhook-timestamp"]) - 400)}
    assert not verified(made.secret, old, got.body)
    assert shape(got.event) == shape(json.loads(block("json")))
    shown = re.findall(r"^(webhook-[a-z]+|content-type): (.*)$", TEXT, re.MULTILINE)
    assert [name for name, _ in shown] == [
        "content-type",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    ]
    for name, value in shown:
        assert re.sub(r"\w", "x", got.headers[name])[:3] == re.sub(r"\w", "x", value)[:3]


def test_every_kind_is_in_the_table() -> None:
    assert re.findall(r"^\| `([a-z.]+)`", TEXT, re.MULTILINE) == [kind.type for kind in EventKind]


def test_the_times_between_attempts_are_those_of_the_code() -> None:
    said = re.search(r"others after (.*?), each", TEXT, re.DOTALL)
    assert said is not None
    units = {"s": 1, "min": 60, "h": 3600}
    times = [
        sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+) (s|min|h)\b", each))
        for each in re.split(r",\s|\sand\s", said[1])
    ]
    assert times == list(RETRY_SECONDS)
