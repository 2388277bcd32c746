"""Texts that go out and come back: signed, so that only what was made here is believed."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode


class BadTokenError(Exception):
    """The token was not made here, or not for this."""


class Seal:
    """Signs and opens tokens of one purpose; those of another purpose or secret are not opened.

    A token is URL-safe text of at most `length_max` characters: an HMAC-SHA256, cut to
    `signature_bytes`, and the payload, which everybody can read.
    """

    def __init__(
        self, secret: str, *, purpose: str, signature_bytes: int = 32, length_max: int = 1024
    ) -> None:
        self._key = hmac.digest(secret.encode(), purpose.encode(), "sha256")
        self._signature_bytes = signature_bytes
        self._length_max = length_max

    def make(self, payload: bytes, *, about: bytes = b"") -> str:
        """Make a token that is good only for what it is `about`; that is not in it."""
        return _encode(self._signature(payload, about) + payload)

    def open(self, token: str, *, about: bytes = b"") -> bytes:
        """Answer the payload of a token. Raises `BadTokenError`."""
        raw = _decode(token[: self._length_max])
        signature, payload = raw[: self._signature_bytes], raw[self._signature_bytes :]
        if not hmac.compare_digest(signature, self._signature(payload, about)):
            raise BadTokenError
        # Base 64 can be written in several ways and its decoder skips what it does not know.
        if _encode(raw) != token:
            raise BadTokenError
        return payload

    def _signature(self, payload: bytes, about: bytes) -> bytes:
        digest = hmac.digest(self._key, about + b"\0" + payload, "sha256")
        return digest[: self._signature_bytes]


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(token: str) -> bytes:
    try:
        return urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        raise BadTokenError from None
