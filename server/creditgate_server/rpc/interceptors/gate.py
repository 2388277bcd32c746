"""Keeps calls out until the server has made sure of its database, and again when it ends."""

from __future__ import annotations

from typing import Any

from creditgate_server.rpc.call import Call, Handler
from creditgate_server.rpc.detached import Shed
from creditgate_server.rpc.method import Method
from creditgate_server.rpc.status import not_executed


class Gate:
    """Closed at first."""

    def __init__(self, *, shed: Shed) -> None:
        self._shed = shed
        self._open = False
        self._reason = "starting"

    def open(self) -> None:
        """Let calls through from now on."""
        self._open = True

    def close(self) -> None:
        """Refuse calls from now on; those that are through stay so."""
        self._open = False
        self._reason = "ending"

    def step(self, method: Method, proceed: Handler) -> Handler:
        """Refuse calls while the gate is closed."""

        async def step(request: Any, call: Call) -> Any:
            if not self._open:
                self._shed(self._reason)
                raise not_executed(f"the server is {self._reason}: send the same request again")
            return await proceed(request, call)

        return step
