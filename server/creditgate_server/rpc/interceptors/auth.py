"""Finds out who calls, from the API key in the metadata, and whether the key may."""

from __future__ import annotations

from typing import Any

from creditgate_server.rpc.call import Call, Handler, Metadata
from creditgate_server.rpc.keyring import Keyring
from creditgate_server.rpc.method import Method
from creditgate_server.rpc.status import KEY_INVALID, SCOPE_MISSING, RpcError

_BEARER = "bearer "


def authenticated(method: Method, proceed: Handler, *, keyring: Keyring) -> Handler:
    """Let a call through when its key is right and has one of the method's scopes."""
    allowed = frozenset(method.scopes)
    scope: str = method.scopes[0]

    async def step(request: Any, call: Call) -> Any:
        text = key_in(call.metadata)
        identity = keyring.remembered(text) or await keyring.identify(text)
        if identity is None:
            raise RpcError(*KEY_INVALID)
        if allowed.isdisjoint(identity.scopes):
            raise RpcError(*SCOPE_MISSING, metadata={"scope": scope})
        call.tenant_id = identity.tenant_id
        call.key_id = identity.key_id
        call.scopes = identity.scopes
        return await proceed(request, call)

    return step


def key_in(metadata: Metadata) -> str:
    """Answer the API key that was sent; empty when there is none."""
    for name, value in metadata:
        if name == "authorization" and isinstance(value, str):
            scheme, text = value[: len(_BEARER)], value[len(_BEARER) :]
            return text.strip() if scheme.lower() == _BEARER else ""
    return ""
