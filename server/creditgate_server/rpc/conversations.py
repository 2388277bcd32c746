"""ConversationService, and UsageService's lists of conversations."""

from __future__ import annotations

import asyncio
from functools import partial

from creditgate.v1 import conversation_service_pb2 as pb
from creditgate.v1 import usage_service_pb2 as usage_pb
from creditgate_server.domain.conversations import (
    Conversations,
    Reply,
    SessionPlace,
    Utterance,
)
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.lanes import Lanes

from . import decode_conversations as decode
from . import encode, encode_conversations, fields
from .call import Call
from .detached import Detached
from .lists import Lists, page_size
from .named_account import key_of
from .status import refuse
from .traces import TraceId, with_trace


class Conversing:
    """The hot path of conversations. What they are told goes through lanes of their own."""

    def __init__(
        self,
        conversations: Conversations,
        lanes: Lanes[Utterance, Reply],
        detached: Detached,
        *,
        trace_id: TraceId,
    ) -> None:
        self._conversations = conversations
        self._trace_id = trace_id
        self._lanes = lanes
        self._run = detached.run

    async def reserve_message(
        self, request: pb.ReserveMessageRequest, call: Call
    ) -> pb.ReserveMessageResponse:
        """Set credits aside for a message, and for the session it opens."""
        heard = decode.reserve(request, call)
        if trace_id := self._trace_id():
            heard = heard._replace(details=with_trace(heard.details, trace_id))
        return encode_conversations.reserve(request, await self._tell(heard, call))

    async def commit_message(
        self, request: pb.CommitMessageRequest, call: Call
    ) -> pb.CommitMessageResponse:
        """Charge a message, and its session with the first of them."""
        heard = decode.commit(request, call)
        return encode_conversations.commit(request, await self._tell(heard, call, urgent=True))

    async def release_message(
        self, request: pb.ReleaseMessageRequest, call: Call
    ) -> pb.ReleaseMessageResponse:
        """Free what was set aside for a message."""
        heard = decode.release(request, call)
        return encode_conversations.release(request, await self._tell(heard, call, urgent=True))

    async def close_conversation(
        self, request: pb.CloseConversationRequest, call: Call
    ) -> pb.CloseConversationResponse:
        """End a session."""
        heard = decode.close(request, call)
        return encode_conversations.close(request, await self._tell(heard, call, urgent=True))

    async def get_conversation(
        self, request: pb.GetConversationRequest, call: Call
    ) -> pb.GetConversationResponse:
        """Read a session."""
        account, name = key_of(request, call), decode.conversation_id(request)
        number = decode.session(request)
        found = await self._run(self._conversations.get_session(account, name, number))
        if found is None:
            known = await self._run(self._conversations.knows_account(account))
            refuse(Outcome.CONVERSATION_NOT_FOUND if known else Outcome.ACCOUNT_NOT_FOUND)
        response = pb.GetConversationResponse()
        session, as_of = found
        encode_conversations.session(
            response.conversation, session, account_id=request.account_id, as_of=as_of
        )
        return response

    def _tell(self, heard: Utterance, call: Call, *, urgent: bool = False) -> asyncio.Future[Reply]:
        return self._lanes.submit(heard.bucket, heard, urgent=urgent, owner=call.tenant_id)


class ConversationReading:
    """Lists the sessions of an account's conversations."""

    def __init__(self, conversations: Conversations, lists: Lists, detached: Detached) -> None:
        self._conversations = conversations
        self._lists = lists
        self._run = detached.run

    async def list_conversations(
        self, request: usage_pb.ListConversationsRequest, call: Call
    ) -> usage_pb.ListConversationsResponse:
        """Read a page of sessions, the last to start first."""
        account, keep, size = key_of(request, call), decode.kept(request), page_size(request)
        about = f"{request.account_id} {keep}"
        after = _place(self._lists.after(request, call, about=about))
        found = await self._run(
            self._conversations.list_sessions(account, keep, after=after, limit=size + 1)
        )
        if found is None:
            refuse(Outcome.ACCOUNT_NOT_FOUND)
        sessions, as_of = found
        response = usage_pb.ListConversationsResponse()
        write = partial(encode_conversations.session, account_id=request.account_id, as_of=as_of)
        if last := encode.page(response.conversations, sessions, size, write):
            text = f"{fields.micros(last.started_at)} {last.session} {last.conversation_id}"
            response.next_page_token = self._lists.token(request, call, text, about=about)
        return response


def _place(text: str) -> SessionPlace | None:
    """Read what a token of ours holds."""
    if not text:
        return None
    micros, session, name = text.split(" ")
    return SessionPlace(fields.of_micros(int(micros)), name, int(session))
