"""A conversation, and its messages as asynchronous context managers."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from creditgate._async.hold import Send, finish
from creditgate._conversation import BaseConversation, BaseMessage, ConversationOptions
from creditgate._errors import CreditgateError, OutcomeUnknown
from creditgate._hold import ABANDON_SECONDS
from creditgate._messages.work import Call
from creditgate._types.conversation import Conversation, MessageReservation
from creditgate._types.rate import Usage


class AsyncConversation(BaseConversation):
    """A conversation; made by `AsyncClient.conversation`. It may be used by many tasks at once."""

    def __init__(self, send: Send, options: ConversationOptions) -> None:
        super().__init__(options)
        self._send = send

    def message(
        self,
        message_id: str | None = None,
        *,
        usage: Usage | None = None,
        ttl_seconds: float = 60.0,
    ) -> AsyncMessage:
        """Answer a message in the body of an `async with`.

        Entering asks for it, opens the conversation's session where there is none, and raises
        `Denied` when the credits are not there. Leaving charges it, and the session with its first
        message; an exception or a cancellation frees both. `message_id` names the message: the same
        message answered again by another process is charged once. `usage` is what it may cost, of
        the plan's message meter where it is None.
        """
        name = self._name(message_id)
        request = self._options.reserving(name, usage, ttl_seconds)
        return AsyncMessage(self._send, self, self._options, name, request)

    async def hand_off(self, *, termination_cause: str = "") -> Conversation:
        """End the session: a human goes on. Answers its record."""
        return await self._close(handed_off=True, cause=termination_cause)

    async def close(self, *, termination_cause: str = "") -> Conversation:
        """End the session. Answers its record."""
        return await self._close(handed_off=False, cause=termination_cause)

    async def _close(self, *, handed_off: bool, cause: str) -> Conversation:
        answer = await self._send(self._closing(handed_off=handed_off, cause=cause))
        self._see(answer.conversation)
        return answer.conversation


class AsyncMessage(BaseMessage):
    """A message around the body of an `async with`; made by `AsyncConversation.message`."""

    def __init__(
        self,
        send: Send,
        conversation: BaseConversation,
        options: ConversationOptions,
        message_id: str,
        request: Call[MessageReservation],
    ) -> None:
        super().__init__(conversation, options, message_id, request)
        self._send = send

    async def __aenter__(self) -> Self:
        try:
            reservation = await self._send(self._request)
        except (OutcomeUnknown, asyncio.CancelledError):
            # It may be under way, and nobody would end it.
            await finish(self._abandon)
            raise
        self._enter(reservation)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await finish(lambda: self._leave(error))
        except CreditgateError as failure:
            if error is None:
                raise
            self._not_released(error, failure)

    async def hand_off(self, *, termination_cause: str = "") -> None:
        """Give the message to a human: it costs nothing, and the session ends."""
        self._left(await self._send(self._handing_off(termination_cause)))

    async def _leave(self, error: BaseException | None) -> None:
        request = self._leaving(error)
        if request is not None:
            self._left(await self._send(request))

    async def _abandon(self) -> None:
        request = self._abandoning()
        try:
            await self._send(request, patience_seconds=ABANDON_SECONDS)
        except CreditgateError as failure:
            self._left_alone(failure)
