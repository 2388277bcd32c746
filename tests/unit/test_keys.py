from __future__ import annotations

import hashlib
import hmac
import re

import pytest

from creditgate_server.domain.keys import digest_of, key_id_of, new_key

GOLDEN = "cg_0123456789AB_" + "s" * 43 + "2vrZH6"


def test_a_new_key_has_the_documented_form_and_is_found_by_its_id() -> None:
    key = new_key()
    assert re.fullmatch(r"cg_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}", key.text)
    assert key_id_of(key.text) == key.key_id
    assert new_key().text != key.text


def test_the_form_never_changes() -> None:
    assert key_id_of(GOLDEN) == "0123456789AB"


def test_every_single_typing_error_is_found_without_the_secret() -> None:
    text = new_key().text
    for at in range(3, len(text)):
        wrong = text[:at] + ("a" if text[at] != "a" else "b") + text[at + 1 :]
        assert key_id_of(wrong) is None, at


@pytest.mark.parametrize(
    "text", ["", "cg_", GOLDEN + "0", GOLDEN[:-1], GOLDEN.replace("cg_", "CG_"), GOLDEN + "\n", "é"]
)
def test_what_is_no_key_is_no_key(text: str) -> None:
    assert key_id_of(text) is None


def test_the_digest_is_an_hmac_of_the_whole_key_under_the_pepper() -> None:
    expected = hmac.new(b"pepper", GOLDEN.encode(), hashlib.sha256).digest()
    assert digest_of(GOLDEN, pepper="pepper") == expected
    assert digest_of(GOLDEN, pepper="other") != expected
