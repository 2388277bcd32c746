"""What is signed and comes back: nobody else can make it, and it is good for nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditgate_server.domain.links import (
    LINK_SECONDS_MAX,
    ORIGIN_LENGTH_MAX,
    ORIGINS_MAX,
    Links,
    UsageLink,
    end_of,
    origin_problem,
)
from creditgate_server.domain.seals import BadTokenError, Seal
from creditgate_server.rpc.pages import Pages
from tests.support.bad_links import BAD_ORIGINS

SECRET = "a secret that is long enough to be one"
NOW = datetime(2030, 1, 1, tzinfo=UTC)
LINK = UsageLink(uuid4(), "acme/eu", "k" * 12, NOW, ("https://shop.example.com",))
LINKS = Links(SECRET, base_url="https://credits.example.com/")


def test_a_link_says_what_it_was_made_for() -> None:
    token = LINKS.token(LINK)
    assert LINKS.open(token) == LINK
    assert LINKS.url(token) == f"https://credits.example.com/u/{token}"


def test_the_longest_link_is_opened_and_fits_an_address_bar() -> None:
    origin = f"https://{'a' * 60}.{'b' * 60}.{'c' * 60}.example"
    assert len(origin) <= ORIGIN_LENGTH_MAX
    assert origin_problem(origin) is None
    longest = LINK._replace(account_id="a" * 128, origins=(origin,) * ORIGINS_MAX)
    token = LINKS.token(longest)
    assert LINKS.open(token) == longest
    assert len(token) < 4_000


@given(st.data())
def test_a_link_with_any_letter_changed_is_none(data: st.DataObject) -> None:
    token = LINKS.token(LINK)
    place = data.draw(st.integers(0, len(token)))
    put = data.draw(st.text(max_size=2))
    forged = token[:place] + put + token[place + data.draw(st.integers(0, 2)) :]
    if forged != token:
        with pytest.raises(BadTokenError):
            LINKS.open(forged)


@given(st.text(max_size=80))
def test_no_text_whatever_is_a_link(text: str) -> None:
    with pytest.raises(BadTokenError):
        LINKS.open(text)


def test_what_was_signed_for_another_purpose_or_by_another_is_no_link() -> None:
    page = Pages(SECRET).sign("x", tenant_id=LINK.tenant_id, method="ListAccounts")
    session = Seal(SECRET, purpose="creditgate dashboard sessions 1").make(b"[]")
    foreign = Links("another secret, long enough as well", base_url="").token(LINK)
    for token in (page, session, foreign):
        with pytest.raises(BadTokenError):
            LINKS.open(token)


def test_a_token_is_good_only_for_what_it_is_about() -> None:
    seal = Seal(SECRET, purpose="tests")
    token = seal.make(b"payload", about=b"a")
    assert seal.open(token, about=b"a") == b"payload"
    for about in (b"", b"b", b"a\0p"):
        with pytest.raises(BadTokenError):
            seal.open(token, about=about)


@given(st.integers(0, 10**6 - 1), st.integers(1000, LINK_SECONDS_MAX * 1000))
def test_a_link_ends_on_a_whole_second_and_never_early(micros: int, lasts_ms: int) -> None:
    now, lasts = NOW + timedelta(microseconds=micros), timedelta(milliseconds=lasts_ms)
    end = end_of(now, lasts=lasts)
    assert end.microsecond == 0
    assert timedelta() <= end - (now + lasts) < timedelta(seconds=1)


@pytest.mark.parametrize(
    "origin",
    ["https://a", "https://a.b:1", "https://1.2.3.4:65535", "http://localhost:3000"],
)
def test_origins(origin: str) -> None:
    assert origin_problem(origin) is None


@pytest.mark.parametrize("origin", sorted({wrong[-1] for _, wrong in BAD_ORIGINS[1:]}))
def test_what_is_no_origin_cannot_get_into_a_header(origin: str) -> None:
    assert origin_problem(origin)
