"""Page tokens: opaque, signed, and good only for the list they came from."""

from __future__ import annotations

from uuid import UUID

from creditgate_server.domain.seals import BadTokenError, Seal

__all__ = ["BadTokenError", "Pages"]

_SIGNATURE_BYTES = 16


class Pages:
    """Signs and opens page tokens. Each is bound to the tenant, the method and its filter."""

    def __init__(self, secret: str) -> None:
        self._seal = Seal(
            secret, purpose="creditgate page tokens 1", signature_bytes=_SIGNATURE_BYTES
        )

    def sign(self, last: str, *, tenant_id: UUID, method: str, about: str = "") -> str:
        """Make the token that goes on after the item `last` of the list of `method` `about`."""
        return self._seal.make(last.encode(), about=_bound(tenant_id, method, about))

    def open(self, token: str, *, tenant_id: UUID, method: str, about: str = "") -> str:
        """Answer the item to go on after; empty for an empty token. Raises `BadTokenError`."""
        if not token:
            return ""
        return self._seal.open(token, about=_bound(tenant_id, method, about)).decode()


def _bound(tenant_id: UUID, method: str, about: str) -> bytes:
    # Neither method names nor ids contain a zero byte, so no two lists share a text.
    return b"\0".join((tenant_id.bytes.hex().encode(), method.encode(), about.encode()))
