"""Page tokens: opaque, signed, and good only for the list they came from."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

_SIGNATURE_BYTES = 16
_TOKEN_MAX = 1024


class BadTokenError(Exception):
    """The token was not made here, or not for this list."""


class Pages:
    """Signs and opens page tokens. Each is bound to the tenant, the method and its filter."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), b"creditgate page tokens 1", "sha256")

    def sign(self, last: str, *, tenant_id: UUID, method: str, about: str = "") -> str:
        """Make the token that goes on after the item `last` of the list of `method` `about`."""
        payload = last.encode()
        signature = self._signature(payload, tenant_id, method, about)
        return _encode(signature + payload)

    def open(self, token: str, *, tenant_id: UUID, method: str, about: str = "") -> str:
        """Answer the item to go on after; empty for an empty token. Raises `BadTokenError`."""
        if not token:
            return ""
        raw = _decode(token)
        signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        expected = self._signature(payload, tenant_id, method, about)
        if not hmac.compare_digest(signature, expected):
            raise BadTokenError
        return payload.decode()

    def _signature(self, payload: bytes, tenant_id: UUID, method: str, about: str) -> bytes:
        # Neither method names nor ids contain a zero byte, so no two lists share a text.
        bound = b"\0".join((tenant_id.bytes.hex().encode(), method.encode(), about.encode()))
        return hmac.digest(self._key, bound + b"\0" + payload, "sha256")[:_SIGNATURE_BYTES]


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(token: str) -> bytes:
    try:
        raw = urlsafe_b64decode(token[:_TOKEN_MAX] + "=" * (-len(token) % 4))
    except ValueError:
        raise BadTokenError from None
    # Base 64 can be written in several ways and its decoder skips what it does not know.
    if _encode(raw) != token:
        raise BadTokenError
    return raw
