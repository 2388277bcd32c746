"""Webhooks sent to receivers of every kind, over real sockets."""

from __future__ import annotations

import asyncio
import ssl
import time
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from creditgate_server.domain.deliveries import Answer, Verdict
from creditgate_server.outbound.addresses import SystemResolver
from creditgate_server.outbound.webhooks import Webhooks
from tests.support import receiver as kinds
from tests.support.certificates import Authority, write
from tests.support.receiver import Behave, receiving, status

PUBLIC = "93.184.216.34"


@pytest.fixture
async def webhooks() -> AsyncIterator[Webhooks]:
    async with Webhooks(timeout_seconds=1, allow_private=True) as webhooks:
        yield webhooks


async def post(webhooks: Webhooks, url: str) -> Answer:
    return await webhooks.post(url, headers={"webhook-id": "evt_1"}, body=b'{"a":1}')


async def test_what_is_posted_arrives_and_connections_serve_again(webhooks: Webhooks) -> None:
    async with receiving(status(204)) as receiver:
        for _ in range(3):
            assert await post(webhooks, receiver.url) == Answer(Verdict.DELIVERED, 204)
        assert receiver.connections == 1
        assert [request.body for request in receiver.got] == [b'{"a":1}'] * 3
        assert receiver.got[0].headers["webhook-id"] == "evt_1"
        assert receiver.got[0].headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize("number", [300, 301, 302, 307, 308, 400, 401, 404, 409, 429, 500, 503])
async def test_anything_but_success_is_a_failure(webhooks: Webhooks, number: int) -> None:
    async with receiving(status(number, "location: http://127.0.0.1:1/")) as receiver:
        answer = await post(webhooks, receiver.url)
        assert answer == Answer(Verdict.FAILED, number, f"the receiver answered {number}")


async def test_a_redirect_is_not_followed(webhooks: Webhooks) -> None:
    async with receiving() as inner:
        async with receiving(status(307, f"location: {inner.url}")) as outer:
            assert (await post(webhooks, outer.url)).status == 307
        assert inner.connections == 0


async def test_gone_is_told_apart(webhooks: Webhooks) -> None:
    async with receiving(status(410)) as receiver:
        assert (await post(webhooks, receiver.url)).verdict is Verdict.GONE


@pytest.mark.parametrize("behave", [kinds.hang, kinds.drip_headers, kinds.drip_body])
async def test_who_is_slow_is_given_up_in_time(webhooks: Webhooks, behave: Behave) -> None:
    async with receiving(behave) as receiver:
        started = time.perf_counter()
        answer = await post(webhooks, receiver.url)
        assert answer == Answer(Verdict.FAILED, error="no answer in time")
        assert time.perf_counter() - started < 3


async def test_of_a_body_without_end_little_is_read(webhooks: Webhooks) -> None:
    async with receiving(kinds.flood) as receiver:
        tracemalloc.start()
        answer = await post(webhooks, receiver.url)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert answer == Answer(Verdict.DELIVERED, 200)
        assert peak < 4_000_000


@pytest.mark.parametrize("behave", [kinds.drop, kinds.babble])
async def test_what_is_not_http_is_a_failure(webhooks: Webhooks, behave: Behave) -> None:
    async with receiving(behave) as receiver:
        answer = await post(webhooks, receiver.url)
        assert answer.error == "the connection broke, or the answer was not HTTP"
        receiver.behave = status(200)
        assert (await post(webhooks, receiver.url)).verdict is Verdict.DELIVERED


async def test_nobody_listening_and_no_name_are_failures(webhooks: Webhooks) -> None:
    async with receiving() as receiver:
        url = receiver.url
    assert (await post(webhooks, url)).error == "nobody listens at the host's address"
    answer = await post(webhooks, "https://nowhere.invalid/")
    assert answer == Answer(Verdict.FAILED, error="the host's name stands for no address")


def server_tls(folder: Path, authority: Authority, **more: Any) -> ssl.SSLContext:
    certificate, key = authority.issue("receiver", **more)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(write(folder, "cert.pem", certificate), write(folder, "key.pem", key))
    return context


async def test_certificates_are_checked(tmp_path: Path) -> None:
    ours, strange = Authority("ours"), Authority("strange")
    ca_file = write(tmp_path, "ca.pem", ours.pem)
    cases: list[tuple[ssl.SSLContext, str]] = [
        (server_tls(tmp_path, ours), ""),
        (server_tls(tmp_path, strange), "TLS: unable to get local issuer certificate"),
        (server_tls(tmp_path, ours, expired=True), "TLS: certificate has expired"),
        (server_tls(tmp_path, ours, host="127.0.0.2"), "TLS: IP address mismatch"),
    ]
    async with Webhooks(timeout_seconds=2, allow_private=True, ca_file=ca_file) as webhooks:
        for tls, error in cases:
            async with receiving(tls=tls) as receiver:
                answer = await post(webhooks, receiver.url)
                assert answer.error.startswith(error), answer
                assert (answer.verdict is Verdict.DELIVERED) == (not error)
                assert bool(receiver.got) == (not error)


async def test_who_speaks_no_tls_where_it_is_asked_for_gets_nothing(webhooks: Webhooks) -> None:
    async with receiving() as receiver:
        answer = await post(webhooks, receiver.url.replace("http:", "https:"))
        assert answer.verdict is Verdict.FAILED


class Names:
    """A name server that answers one thing after the other."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


PRIVATE_URLS = """
https://127.0.0.1:{port}/ https://localhost:{port}/ https://2130706433:{port}/
https://0x7f000001:{port}/ https://0177.0.0.1:{port}/ https://127.1:{port}/ https://0:{port}/
https://[::1]:{port}/ https://[::ffff:127.0.0.1]:{port}/ https://[::ffff:7f00:1]:{port}/
https://[::]:{port}/ https://0.0.0.0:{port}/
"""


@pytest.mark.parametrize("url", PRIVATE_URLS.split())
async def test_however_this_host_is_written_it_is_not_reached(url: str) -> None:
    async with receiving() as receiver, Webhooks(timeout_seconds=2, allow_private=False) as guarded:
        answer = await post(guarded, url.format(port=receiver.port))
        assert answer.verdict is not Verdict.DELIVERED
        assert "public" in answer.error or "no address" in answer.error or "TLS" not in answer.error
        assert receiver.connections == 0


@pytest.mark.parametrize(
    "answer", [["127.0.0.1"], [PUBLIC, "127.0.0.1"], ["10.0.0.1", PUBLIC], ["::ffff:127.0.0.1"]]
)
async def test_a_name_that_stands_for_a_private_address_is_refused(answer: list[str]) -> None:
    names = Names(answer)
    async with (
        receiving() as receiver,
        Webhooks(timeout_seconds=2, allow_private=False, resolve=names) as guarded,
    ):
        told = await post(guarded, f"https://hooks.example.com:{receiver.port}/")
        assert told.error == "the host's address is not one of the public internet"
        assert receiver.connections == 0


async def test_a_name_is_asked_for_once_and_connected_to_as_it_was_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name server that says a public address first and this host next is not believed twice."""
    names = Names([PUBLIC], ["127.0.0.1"])
    connected: list[str] = []

    async def connect(_: object, host: str, *_args: Any, **_more: Any) -> None:
        connected.append(host)
        raise OSError

    monkeypatch.setattr("httpcore.AnyIOBackend.connect_tcp", connect)
    async with Webhooks(timeout_seconds=2, allow_private=False, resolve=names) as guarded:
        await post(guarded, "https://rebind.example.com:8443/")
    assert (connected, names.asked) == ([PUBLIC], 1)


async def test_where_one_address_does_not_answer_the_next_is_tried() -> None:
    names = Names(["127.0.0.2", "127.0.0.1"])
    async with (
        receiving() as receiver,
        Webhooks(timeout_seconds=2, allow_private=True, resolve=names) as webhooks,
    ):
        url = f"http://two.example.com:{receiver.port}/"
        assert (await post(webhooks, url)).verdict is Verdict.DELIVERED
        assert receiver.got[0].headers["host"] == f"two.example.com:{receiver.port}"


async def test_a_name_server_that_does_not_answer_is_given_up_in_time() -> None:
    async def never(_host: str, _port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    async with Webhooks(timeout_seconds=1, allow_private=False, resolve=never) as webhooks:
        answer = await post(webhooks, "https://slow.example.com/")
        assert answer.error == "no answer in time"


async def test_the_system_is_asked_for_addresses() -> None:
    resolve = SystemResolver()
    assert "127.0.0.1" in await resolve("localhost", 443)
    assert await resolve("nowhere.invalid", 443) == ()
    assert await resolve("a" * 300, 443) == ()


async def test_a_wrong_url_is_rejected_and_nobody_is_asked() -> None:
    names = Names(["127.0.0.1"])
    async with Webhooks(timeout_seconds=1, allow_private=False, resolve=names) as webhooks:
        for url in ("http://example.com/", "https://u@example.com/", "https://example.com:25/"):
            assert (await post(webhooks, url)).verdict is Verdict.REJECTED
    assert names.asked == 0
