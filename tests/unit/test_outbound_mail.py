"""Events as mail, handed in at a real SMTP server."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

from creditgate_server.domain.deliveries import Answer, EndpointKind, EndpointState, Task, Verdict
from creditgate_server.domain.events import EventKind
from creditgate_server.domain.mail import MailServer
from creditgate_server.outbound import message as written
from creditgate_server.outbound.mail import Mail
from tests.support.certificates import Authority, write
from tests.support.mailbox import mailbox
from tests.support.receiver import hang, receiving

AT = datetime(2030, 1, 31, 12, tzinfo=UTC)


def task(**changes: object) -> Task:
    """Answer an attempt to deliver an event."""
    made = Task(
        bucket=3,
        account_key=UUID(int=5),
        endpoint_id="billing@acme",
        event_no=7,
        attempts=1,
        tenant_id=UUID(int=9),
        endpoint_kind=EndpointKind.EMAIL,
        address="ada@example.com",
        endpoint_state=EndpointState.ACTIVE,
        generation=1,
        rotated=False,
        account_id="acme/7",
        event_kind=EventKind.BALANCE_LOW,
        version=42,
        settled_micros=1_500_000,
        held_micros=250_000,
        overdraft_limit_micros=0,
        body='{"threshold_micros": 2000000, "percent": 20}',
        created_at=AT,
        sent_at=AT,
    )
    return made._replace(**changes)  # type: ignore[arg-type]


def mail_to(port: int, *, more: str = "", form: str = "smtp://127.0.0.1:{port}{more}") -> Mail:
    server = MailServer.parse(form.format(port=port, more=more))
    return Mail(server, timeout_seconds=2)


def letter(**changes: object) -> EmailMessage:
    return written.as_mail(task(**changes), sender="credits@example.org")


async def test_an_event_comes_as_plain_text() -> None:
    async with mailbox() as box:
        assert await mail_to(box.port).send(letter()) == Answer(Verdict.DELIVERED)
        (got,) = box.got
    assert got["From"] == "credits@example.org"
    assert got["To"] == "ada@example.com"
    assert got["Subject"] == "Credits are low: acme/7"
    assert got["Date"] == "Thu, 31 Jan 2030 12:00:00 +0000"
    assert got["Auto-Submitted"] == "auto-generated"
    assert got.get_content_type() == "text/plain"
    assert str(got.get_payload()).replace("\r", "").splitlines() == [
        "The balance has fallen to a threshold that was set.",
        "",
        "account: acme/7",
        "credits: 1.5",
        "held for work under way: 0.25",
        "available: 1.25",
        "threshold: 2",
        "percent: 20",
        "time: 2030-01-31T12:00:00Z",
        "event: balance.low acme/7/7",
    ]


async def test_the_same_event_is_the_same_message_and_another_endpoint_another() -> None:
    marks = [
        letter()["Message-ID"],
        letter(attempts=5, sent_at=AT.replace(hour=13))["Message-ID"],
        letter(endpoint_id="x")["Message-ID"],
        letter(event_no=8)["Message-ID"],
    ]
    assert marks[0] == marks[1]
    assert len(set(marks)) == 3


def test_nothing_in_an_event_makes_a_header_of_its_own() -> None:
    made = letter(body='{"reason": "no\\r\\nBcc: eve@example.com\\r\\n\\r\\nhello", "n": null}')
    assert made["Bcc"] is None
    head, _, text = made.as_string().partition("\r\n\r\n")
    assert "eve" not in head
    assert "reason: no Bcc: eve@example.com hello\r\n" in text


def test_every_kind_has_its_words_and_a_kind_of_tomorrow_has_some() -> None:
    subjects = {letter(event_kind=kind)["Subject"] for kind in EventKind}
    assert len(subjects) == len(EventKind)
    assert letter(event_kind=99)["Subject"] == "News of credits: acme/7"
    assert written.event_type(99) == "event.99"


async def test_a_refused_recipient_is_not_tried_again_and_a_full_mailbox_is() -> None:
    async with mailbox() as box:
        for reply, verdict in (
            ("550 no such user", Verdict.REJECTED),
            ("452 mailbox full", Verdict.FAILED),
            ("552 too large", Verdict.FAILED),
        ):
            box.refuse = reply
            answer = await mail_to(box.port).send(letter())
            assert (answer.verdict, answer.status) == (verdict, int(reply[:3]))
            assert "user" not in answer.error
        assert box.got == []


async def test_who_hands_mail_in_says_who_it_is_over_tls_alone(tmp_path: Path) -> None:
    authority = Authority("mail")
    certificate, key = authority.issue("mail server")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(write(tmp_path, "c.pem", certificate), write(tmp_path, "k.pem", key))
    ca_file = write(tmp_path, "ca.pem", authority.pem)
    async with mailbox(login=("ada", "p:w"), start_tls=tls) as box:
        url = f"smtp://ada:{{}}@127.0.0.1:{box.port}?starttls"
        for password, verdict in (("p%3Aw", Verdict.DELIVERED), ("wrong", Verdict.FAILED)):
            server = MailServer.parse(url.format(password))
            mail = Mail(server, timeout_seconds=2, ca_file=ca_file)
            assert (await mail.send(letter())).verdict is verdict
        stranger = Mail(MailServer.parse(url.format("p%3Aw")), timeout_seconds=2)
        assert (await stranger.send(letter())).verdict is Verdict.FAILED
        assert len(box.got) == 1
    async with mailbox(tls=tls) as box:
        server = MailServer.parse(f"smtps://127.0.0.1:{box.port}")
        mail = Mail(server, timeout_seconds=2, ca_file=ca_file)
        assert await mail.send(letter()) == Answer(Verdict.DELIVERED)


async def test_a_mail_server_that_hangs_or_is_away_is_a_failure() -> None:
    async with receiving(hang) as silent:
        async with asyncio.timeout(5):
            answer = await mail_to(silent.port).send(letter())
        assert answer == Answer(Verdict.FAILED, error="the mail server did not answer in time")
    answer = await mail_to(silent.port).send(letter())
    assert answer.verdict is Verdict.FAILED
