"""The way of every call: steps before its handler, composed once, so a call pays only functions."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from .call import Call, Handler
from .detached import Shed
from .interceptors.auth import authenticated
from .interceptors.deadline import DeadlineRules, bounded
from .interceptors.errors import translated
from .interceptors.gate import Gate
from .interceptors.message import parsed
from .interceptors.rate import Rates
from .interceptors.telemetry import CallObserver, observed
from .keyring import Keyring
from .method import Method


class Step(Protocol):
    """Puts something before, after or around a handler."""

    def __call__(self, method: Method, proceed: Handler, /) -> Handler:
        """Answer the handler that does so for one method."""
        ...


class Pipeline:
    """The steps in their order: the first is the outermost."""

    def __init__(
        self,
        *,
        observer: CallObserver,
        shed: Shed,
        rules: DeadlineRules,
        keyring: Keyring,
        gate: Gate,
        rates: Rates,
    ) -> None:
        self._translated = partial(translated, shed=shed)
        self._steps: tuple[Step, ...] = (
            partial(observed, observer=observer),
            self._translated,
            gate.step,
            partial(bounded, rules=rules),
            partial(authenticated, keyring=keyring),
            rates.step,
        )

    def for_bytes(self, method: Method, handler: Handler) -> Handler:
        """Compose the way of a call that comes as bytes."""
        return compose(method, handler, (*self._steps, parsed))

    def for_message(self, method: Method, handler: Handler) -> Handler:
        """Compose the way of an operation that comes as a message on a stream."""
        return compose(method, handler, self._steps)

    def for_stream(self, method: Method, handler: Handler) -> Handler:
        """Compose the way of a stream as a whole: it has no deadline but its caller's."""
        telemetry, errors, gate, _, auth, rate = self._steps
        return compose(method, handler, (telemetry, errors, gate, auth, rate))

    def for_check(self, method: Method) -> Handler:
        """Compose what finds out whether a stream that was let through may still go on.

        It answers nothing, takes no request, and raises `domain.errors`, too.
        """
        *_, auth, _ = self._steps
        return auth(method, _let)

    def for_part(self, method: Method, handler: Handler) -> Handler:
        """Compose the way of one part of a call that has come this way as a whole."""
        return self._translated(method, handler)


async def _let(_: object, call: Call) -> None:
    """Let a call go on."""


def compose(method: Method, handler: Handler, steps: tuple[Step, ...]) -> Handler:
    """Put steps around a handler, the first of them outermost."""
    for step in reversed(steps):
        handler = step(method, handler)
    return handler
