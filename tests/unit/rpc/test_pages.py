from __future__ import annotations

from uuid import UUID

import pytest

from creditgate_server.rpc.pages import BadTokenError, Pages

ONE, OTHER = UUID(int=1), UUID(int=2)
PAGES = Pages("p" * 32)


def sign(last: str = "acme") -> str:
    return PAGES.sign(last, tenant_id=ONE, method="ListHolds", about="a 1")


def test_a_token_opens_where_it_was_made_and_an_empty_one_begins() -> None:
    assert PAGES.open(sign(), tenant_id=ONE, method="ListHolds", about="a 1") == "acme"
    assert PAGES.open("", tenant_id=ONE, method="ListHolds") == ""


@pytest.mark.parametrize(
    ("tenant_id", "method", "about"),
    [(OTHER, "ListHolds", "a 1"), (ONE, "ListGrants", "a 1"), (ONE, "ListHolds", "a 2")],
)
def test_a_token_is_of_no_use_elsewhere(tenant_id: UUID, method: str, about: str) -> None:
    with pytest.raises(BadTokenError):
        PAGES.open(sign(), tenant_id=tenant_id, method=method, about=about)


def test_another_servers_secret_makes_other_tokens() -> None:
    with pytest.raises(BadTokenError):
        Pages("q" * 32).open(sign(), tenant_id=ONE, method="ListHolds", about="a 1")


def test_no_single_change_goes_unseen() -> None:
    token = sign()
    changed = [
        token[:at] + ("A" if c != "A" else "B") + token[at + 1 :] for at, c in enumerate(token)
    ]
    for forged in (
        *changed,
        token + "A",
        token[:-1],
        token + "=",
        token + "\n",
        "é",
        "a",
        "A" * 9999,
    ):
        with pytest.raises(BadTokenError):
            PAGES.open(forged, tenant_id=ONE, method="ListHolds", about="a 1")
