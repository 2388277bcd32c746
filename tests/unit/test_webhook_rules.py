"""Where webhooks may go, and that the public library takes our signatures."""

from __future__ import annotations

import time
from uuid import UUID, uuid4

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from creditgate_server.domain.mail import MailServer, address_problem
from creditgate_server.domain.webhooks import endpoint_secret, signatures, url_problem
from creditgate_server.outbound.addresses import is_public

TENANT = UUID(int=7)
BODY = '{"type":"balance.low","data":{"account_id":"café"}}'.encode()

CLOSED = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.9.9.9 169.254.0.1
169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.9 192.0.0.170 192.0.2.5 192.88.99.1
192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1
239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::10.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
::ffff:8.8.8.8 ::ffff:0:8.8.8.8 64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::a9fe:a9fe
64:ff9b:1::1 100::1 2001::1 2001:0:1234::1 2001:10::1 2001:db8::1 2002:7f00:1::
2002:a00:1:: 2002:808:808:: 3fff::1 5f00::1 fc00::1 fd12:3456::1 fe80::1 fe80::1%eth0 fec0::1
ff02::1 ff0e::1 2600::1%eth0 localhost 2130706433 0x7f000001 0177.0.0.1 example.com
"""

OPEN = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
169.253.255.255 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 198.17.255.255 198.20.0.0
223.255.255.255 2606:4700::1111 2a00:1450::1 2600::1 64:ff9b::8.8.8.8
"""

REFUSED_URLS = [
    ("", "ASCII"),
    ("http://example.com/", "https://"),
    ("ftp://example.com/", "https://"),
    ("file:///etc/passwd", "https://"),
    ("//example.com/", "https://"),
    ("https://", "host"),
    ("https:///path", "host"),
    ("https://user@example.com/", "password"),
    ("https://user:secret@example.com/", "password"),
    ("https://@example.com/", "password"),
    ("https://example.com\\@127.0.0.1/", "backslashes"),
    ("https://exam ple.com/", "spaces"),
    ("https://example.com/\r\nHost: x", "spaces"),
    ("https://exämple.com/", "ASCII"),
    ("https://example.com/#part", "fragment"),
    ("https://example.com/#", "fragment"),
    ("https://example.com:22/", "port"),
    ("https://example.com:80/", "port"),
    ("https://example.com:0/", "port"),
    ("https://example.com:65536/", "URL"),
    ("https://example.com:x/", "URL"),
    ("https://[::1/", "URL"),
    ("https://exa%6dple.com/", "host"),
    ("https://example.com,example.org/", "host"),
    ("https://example.com/" + "a" * 2048, "2048"),
]


@pytest.mark.parametrize("address", CLOSED.split())
def test_what_is_not_of_the_public_internet_is_closed(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", OPEN.split())
def test_what_is_of_the_public_internet_is_open(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(("url", "words"), REFUSED_URLS)
def test_a_wrong_url_is_told_what_would_be_right(url: str, words: str) -> None:
    problem = url_problem(url, allow_private=False)
    assert problem
    assert words in problem


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/hooks?token=abc",
        "https://example.com:443/",
        "https://example.com:8443/",
        "https://[2606:4700::1111]/",
        "https://xn--exmple-cua.com/",
    ],
)
def test_a_right_url_is_right(url: str) -> None:
    assert url_problem(url, allow_private=False) is None


def test_what_is_allowed_for_development_is_allowed_then_alone() -> None:
    for url in ("http://127.0.0.1:8080/", "http://localhost/", "https://hooks.internal:81/"):
        assert url_problem(url, allow_private=True) is None
        if url.startswith("http:"):
            assert url_problem(url, allow_private=False)
    assert url_problem("http://user@localhost/", allow_private=True)


def secret(generation: int = 1, *, tenant: UUID = TENANT, endpoint_id: str = "main") -> str:
    return endpoint_secret(
        "p" * 32, tenant_id=tenant, endpoint_id=endpoint_id, generation=generation
    )


def headers(*secrets: str, at: float | None = None) -> dict[str, str]:
    seconds = int(time.time() if at is None else at)
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(seconds),
        "webhook-signature": signatures(
            secrets, message_id="evt_1", timestamp_seconds=seconds, body=BODY
        ),
    }


def test_the_public_library_verifies_what_we_sign() -> None:
    assert Webhook(secret()).verify(BODY, headers(secret()))["type"] == "balance.low"


def test_old_and_new_secret_both_verify_while_a_secret_is_changed() -> None:
    both = headers(secret(2), secret(1))
    for each in (secret(1), secret(2)):
        Webhook(each).verify(BODY, both)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret(3)).verify(BODY, both)


def test_what_was_changed_or_is_old_does_not_verify() -> None:
    given = headers(secret())
    for body, changed in (
        (BODY + b" ", given),
        (BODY, given | {"webhook-id": "evt_2"}),
        (BODY, given | {"webhook-timestamp": str(int(time.time()) - 1)}),
        (BODY, headers(secret(), at=time.time() - 600)),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret()).verify(body, changed)


def test_every_endpoint_tenant_and_generation_has_its_own_secret() -> None:
    secrets = {
        secret(),
        secret(2),
        secret(tenant=uuid4()),
        secret(endpoint_id="other"),
        endpoint_secret("q" * 32, tenant_id=TENANT, endpoint_id="main", generation=1),
    }
    assert len(secrets) == 5
    assert all(each.startswith("whsec_") for each in secrets)
    assert secret() == secret()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a@",
        "@b.de",
        "a@b@c.de",
        "a b@c.de",
        "a@c.de, d@c.de",
        "A <a@c.de>",
        "a@c.de\nBcc: d@c.de",
        "a@c.de\r\n",
        ".a@c.de",
        "a..b@c.de",
        "a@-c.de",
        "ä@c.de",
        "a" * 65 + "@c.de",
        "a@" + "b" * 250 + ".de",
    ],
)
def test_a_wrong_mail_address_is_refused(address: str) -> None:
    assert address_problem(address)


def test_a_right_mail_address_is_right() -> None:
    for address in ("a@b", "billing+acme@mail.example.com", "o'neil@example.ie"):
        assert address_problem(address) is None


def test_the_mail_server_is_read_from_its_url() -> None:
    assert MailServer.parse("smtp://mail") == MailServer("mail", 25, False, False, None, None)
    told = MailServer.parse("smtp://user%40x:p%3Aw@mail.example.com:587?starttls")
    assert told == MailServer("mail.example.com", 587, False, True, "user@x", "p:w")
    assert MailServer.parse("smtps://u:p@mail:465").secure


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mail:25", "smtp://"),
        ("http://mail", "smtp://"),
        ("smtp://", "host"),
        ("smtp://mail/path", "nothing after"),
        ("smtp://mail?tls", "nothing after"),
        ("smtps://mail?starttls", "only with"),
        ("smtp://user:pass@mail", "password"),
    ],
)
def test_a_wrong_url_of_a_mail_server_is_told_what_would_be_right(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MailServer.parse(url)
