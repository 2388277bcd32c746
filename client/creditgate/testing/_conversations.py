"""The fake's conversations: sessions over the ledger's holds."""

from __future__ import annotations

import copy
from typing import Any

from creditgate.testing._administration import page
from creditgate.testing._conversation_terms import fill_conversation_terms
from creditgate.testing._ledger import TTL_MS_DEFAULT, Ledger
from creditgate.testing._prices import price
from creditgate.testing._sessions import (
    COMMITTED,
    RELEASED,
    SESSION,
    UNDER_WAY,
    FakeMessage,
    FakeSession,
)
from creditgate.testing._subscriber import Subscriber
from creditgate.testing._wallet import OPEN, RefusalError, stamp
from creditgate.v1 import account_pb2, conversation_pb2, hold_pb2
from creditgate.v1 import authorization_service_pb2 as messages
from creditgate.v1 import conversation_service_pb2 as conversations
from creditgate.v1 import usage_service_pb2 as usages

LACKING = (messages.DECISION_DENIED_INSUFFICIENT_CREDITS, messages.DECISION_DENIED_CREDITS_HELD)


class Conversing(Ledger):
    """A tenant's conversations, by account and name: their sessions in order."""

    def __init__(self) -> None:
        super().__init__()
        self.talks: dict[tuple[str, str], list[FakeSession]] = {}
        self.unsaid: set[tuple[str, str, str]] = set()

    def _reserve_message(
        self, request: conversations.ReserveMessageRequest, now: int
    ) -> conversations.ReserveMessageResponse:
        wallet, sessions = self._wallet(request, now), self._sessions(request)
        if _name(request) in self.unsaid:
            raise RefusalError("HOLD_RELEASED")
        for known in sessions:
            if request.message_id in known.messages:
                return self._again(request, known, now)
        goes_on = bool(sessions) and sessions[-1].goes_on(now)
        session = (
            copy.deepcopy(sessions[-1]) if goes_on else self._open_session(request, wallet, now)
        )
        before = copy.deepcopy(wallet)
        wish = self._wish(wallet, session, request)
        try:
            answer = self._set_aside(request, session, now)
        except RefusalError:
            self.wallets[request.account_id] = before
            raise
        if answer.decision != messages.DECISION_GRANTED:
            self.wallets[request.account_id] = before
            _deny(answer, before, wish, now)
            if sessions:
                answer.conversation.CopyFrom(sessions[-1].show(now))
            return answer
        session.ended, session.active = False, max(session.active, now)
        session.record.ClearField("ending")
        session.record.ClearField("termination_cause")
        quantity = request.usage.quantity or 1
        expires = now + _ttl_ms(request) * 1000
        session.messages[request.message_id] = FakeMessage(_body(request), quantity, expires)
        session.wait(now)
        sessions[len(sessions) - goes_on :] = [session]
        answer.opened = not goes_on
        answer.conversation.CopyFrom(session.show(now))
        answer.balance.CopyFrom(self.wallets[request.account_id].balance(now))
        return answer

    def _commit_message(
        self, request: conversations.CommitMessageRequest, now: int
    ) -> conversations.CommitMessageResponse:
        wallet = self._wallet(request, now)
        if _name(request) in self.unsaid:
            raise RefusalError("HOLD_RELEASED")
        session = self._session_of(request)
        if session is None:
            raise RefusalError("MESSAGE_NOT_FOUND")
        message = session.messages[request.message_id]
        if message.state == RELEASED:
            raise RefusalError("HOLD_RELEASED")
        answer = conversations.CommitMessageResponse()
        if hold_id := session.speech(request.message_id):
            commit = messages.CommitRequest(account_id=request.account_id, hold_id=hold_id)
            commit.used_quantity = message.quantity
            if used := request.WhichOneof("used"):
                setattr(commit, used, getattr(request, used))
            answer.hold.CopyFrom(self._charge_for(commit, session, answer, now).hold)
        if message.state == UNDER_WAY:
            if session.owes:
                commit = messages.CommitRequest(account_id=request.account_id)
                commit.hold_id, commit.used_quantity = session.credit, 1
                self._charge_for(commit, session, answer, now)
            message.state = COMMITTED
            if session.runs(now):
                session.active = max(session.active, now)
                session.wait(now)
            session.record.messages += 1
        answer.conversation.CopyFrom(session.show(now))
        answer.balance.CopyFrom(wallet.balance(now))
        return answer

    def _release_message(
        self, request: conversations.ReleaseMessageRequest, now: int
    ) -> conversations.ReleaseMessageResponse:
        wallet, sessions = self._wallet(request, now), self._sessions(request)
        answer, session = conversations.ReleaseMessageResponse(), self._session_of(request)
        fresh = session is None and _name(request) not in self.unsaid
        if session is None:
            self.unsaid.add(_name(request))
            session = sessions[-1] if sessions else None
            message = None
        else:
            message = session.messages[request.message_id]
            if hold_id := session.speech(request.message_id):
                answer.hold.CopyFrom(self._release_hold(request, hold_id, now).hold)
            fresh = message.state == UNDER_WAY
            message.state = RELEASED if fresh else message.state
            if fresh:
                self._free(request, session, now)
        if session and fresh and session.runs(now):
            if request.handed_off:
                session.end(now, request)
            elif message:
                session.wait(now)
        if session:
            answer.conversation.CopyFrom(session.show(now))
        answer.balance.CopyFrom(wallet.balance(now))
        return answer

    def _close_conversation(
        self, request: conversations.CloseConversationRequest, now: int
    ) -> conversations.CloseConversationResponse:
        wallet, session = self._wallet(request, now), self._pick(request)
        if session.runs(now):
            session.end(now, request)
            self._free(request, session, now)
        return conversations.CloseConversationResponse(
            conversation=session.show(now), balance=wallet.balance(now)
        )

    def _get_conversation(
        self, request: conversations.GetConversationRequest, now: int
    ) -> conversations.GetConversationResponse:
        self._wallet(request)
        return conversations.GetConversationResponse(conversation=self._pick(request).show(now))

    def _list_conversations(
        self, request: usages.ListConversationsRequest, now: int
    ) -> usages.ListConversationsResponse:
        self._wallet(request)
        begin, end = getattr(request, "from").ToMicroseconds(), request.until.ToMicroseconds()
        shown = [
            (it.started_at.ToMicroseconds(), it.conversation_id, it.session, it)
            for (owner, _), sessions in self.talks.items()
            if owner == request.account_id
            for it in (session.show(now) for session in sessions)
        ]
        kept = [
            it
            for started, name, _, it in sorted(shown, key=lambda each: each[:3], reverse=True)
            if request.conversation_id in {"", name}
            and request.state in {0, it.state}
            and begin <= started
            and (not request.HasField("until") or started < end)
        ]
        found, token = page(kept, request)
        return usages.ListConversationsResponse(conversations=found, next_page_token=token)

    def _sessions(self, request: Any) -> list[FakeSession]:
        return self.talks.setdefault((request.account_id, request.conversation_id), [])

    def _session_of(self, request: Any) -> FakeSession | None:
        """The session that knows a message."""
        known = (s for s in self._sessions(request) if request.message_id in s.messages)
        return next(known, None)

    def _pick(self, request: Any) -> FakeSession:
        """The session a request names. Raises RefusalError."""
        sessions = self._sessions(request)
        found = [s for s in sessions if request.session in {0, s.record.session}]
        if not found:
            raise RefusalError("CONVERSATION_NOT_FOUND")
        return found[-1]

    def _open_session(
        self, request: conversations.ReserveMessageRequest, wallet: Subscriber, now: int
    ) -> FakeSession:
        """The session that a message would open."""
        terms = fill_conversation_terms(wallet.plan.conversation_terms)
        record = conversation_pb2.Conversation(
            account_id=request.account_id,
            conversation_id=request.conversation_id,
            session=len(self._sessions(request)) + 1,
            type=request.type,
            pricing=terms.pricing,
            attributes=_attributes(request),
            labels=request.labels,
        )
        stamp(record.started_at, now)
        return FakeSession(record, terms, now, now)

    def _again(
        self, request: conversations.ReserveMessageRequest, session: FakeSession, now: int
    ) -> conversations.ReserveMessageResponse:
        """The answer to a message that is known."""
        if session.messages[request.message_id].body != _body(request):
            raise RefusalError("NAME_REUSED")
        answer = conversations.ReserveMessageResponse(decision=messages.DECISION_GRANTED)
        if session.speech(request.message_id):
            self._speak(request, session, answer, now)
        answer.replayed = True
        answer.conversation.CopyFrom(session.show(now))
        answer.balance.CopyFrom(self.wallets[request.account_id].balance(now))
        return answer

    def _set_aside(
        self, request: conversations.ReserveMessageRequest, session: FakeSession, now: int
    ) -> conversations.ReserveMessageResponse:
        """Reserve what is owed for a session, then what a message may cost, until one is denied."""
        answer = conversations.ReserveMessageResponse(decision=messages.DECISION_GRANTED)
        wallet = self.wallets[request.account_id]
        suspended = wallet.message.status != account_pb2.ACCOUNT_STATUS_ACTIVE
        held = wallet.holds.get(session.credit)
        waits = session.owes and held is not None and held.message.state == OPEN
        if suspended and session.terms.pricing == SESSION and (waits or not session.owes):
            answer.decision = messages.DECISION_DENIED_ACCOUNT_INACTIVE
            return answer
        given: Any = None
        if waits:
            renew = messages.ExtendRequest(account_id=request.account_id, hold_id=session.credit)
            renew.ttl.FromMilliseconds(_ttl_ms(request))
            given = self._carry_out(renew, now)
        elif session.owes:
            session.attempts += 1
            usage = hold_pb2.Usage(meter=session.terms.conversation_meter, quantity=1)
            usage.model = session.record.type
            given = self._carry_out(self._reserving(request, session.credit, usage, session), now)
        if given is not None:
            _decide(answer, given)
        granted = answer.decision == messages.DECISION_GRANTED
        if granted and session.terms.pricing != SESSION:
            self._speak(request, session, answer, now)
        return answer

    def _speak(
        self,
        request: conversations.ReserveMessageRequest,
        session: FakeSession,
        answer: conversations.ReserveMessageResponse,
        now: int,
    ) -> None:
        """Reserve what a message may cost."""
        usage = hold_pb2.Usage()
        usage.CopyFrom(request.usage)
        usage.meter = usage.meter or session.terms.message_meter
        usage.quantity = usage.quantity or 1
        name = session.speech(request.message_id)
        given = self._carry_out(self._reserving(request, name, usage, None), now)
        _decide(answer, given)
        if given.HasField("hold"):
            answer.hold.CopyFrom(given.hold)
            answer.affordable_quantity = given.affordable_quantity

    def _reserving(
        self,
        request: conversations.ReserveMessageRequest,
        hold_id: str,
        usage: hold_pb2.Usage,
        session: FakeSession | None,
    ) -> messages.ReserveRequest:
        """The Reserve of a session's credit, or without one of a message."""
        reserve = messages.ReserveRequest(
            account_id=request.account_id,
            hold_id=hold_id,
            usage=usage,
            attributes=session.record.attributes if session else _attributes(request),
            labels=session.record.labels if session else request.labels,
        )
        reserve.ttl.FromMilliseconds(_ttl_ms(request))
        return reserve

    def _charge_for(
        self,
        commit: messages.CommitRequest,
        session: FakeSession,
        answer: conversations.CommitMessageResponse,
        now: int,
    ) -> messages.CommitResponse:
        """Commit a hold of a session, and count what it cost."""
        given: messages.CommitResponse = self._carry_out(commit, now)
        answer.charged_micros += given.charged_micros
        answer.uncollected_micros += given.uncollected_micros
        answer.late |= given.late and given.charged_micros + given.uncollected_micros > 0
        session.record.charged_micros += given.charged_micros
        return given

    def _free(self, request: Any, session: FakeSession, now: int) -> None:
        """Free the credit of a session that nobody may confirm any more."""
        held = self.wallets[request.account_id].holds.get(session.credit)
        if session.owes and not session.open_messages() and held and held.message.state == OPEN:
            self._release_hold(request, session.credit, now)

    def _release_hold(self, request: Any, hold_id: str, now: int) -> messages.ReleaseResponse:
        release = messages.ReleaseRequest(account_id=request.account_id, hold_id=hold_id)
        release.termination_cause = request.termination_cause
        given: messages.ReleaseResponse = self._carry_out(release, now)
        return given

    def _wish(
        self,
        wallet: Subscriber,
        session: FakeSession,
        request: conversations.ReserveMessageRequest,
    ) -> int:
        """What session and message ask for; what has no price asks for nothing."""
        wished = []
        held = wallet.holds.get(session.credit)
        if session.owes and not (held and held.message.state == OPEN):
            wished.append((session.terms.conversation_meter, session.record.type, 1))
        if session.terms.pricing != SESSION:
            usage = request.usage
            meter = usage.meter or session.terms.message_meter
            wished.append((meter, usage.model, usage.quantity or 1))
        total = 0
        for meter, model, quantity in wished:
            rate = self._rate(wallet, hold_pb2.Usage(meter=meter, model=model))
            total += price(rate, quantity) if rate is not None else 0
        return total


def _deny(
    answer: conversations.ReserveMessageResponse, wallet: Subscriber, wish: int, now: int
) -> None:
    """Write a denial of session and message as one, on the account as it was."""
    balance = wallet.balance(now)
    answer.ClearField("hold")
    answer.affordable_quantity = 0
    answer.balance.CopyFrom(balance)
    answer.asked_micros = wish
    lacking = answer.decision in LACKING
    answer.shortfall_micros = wish - balance.available_micros if lacking else 0
    answer.ClearField("retry_after")
    if lacking and wish > balance.settled_micros + balance.overdraft_limit_micros:
        answer.decision = messages.DECISION_DENIED_INSUFFICIENT_CREDITS
    elif lacking:
        answer.decision = messages.DECISION_DENIED_CREDITS_HELD
        first = min(h.expires for h in wallet.holds.values() if h.message.state == OPEN)
        answer.retry_after.FromMicroseconds(first - now)


def _decide(answer: conversations.ReserveMessageResponse, given: Any) -> None:
    """Take over what was decided on a part."""
    answer.decision, answer.limit = given.decision, given.limit
    answer.asked_micros += given.asked_micros


def _body(request: conversations.ReserveMessageRequest) -> bytes:
    """What tells one request of a name from another: what it means."""
    plain = conversations.ReserveMessageRequest()
    plain.CopyFrom(request)
    plain.ttl.FromMilliseconds(_ttl_ms(plain))
    plain.usage.quantity = plain.usage.quantity or 1
    plain.attributes.CopyFrom(_attributes(plain))
    return plain.SerializeToString(deterministic=True)


def _attributes(request: conversations.ReserveMessageRequest) -> hold_pb2.Attributes:
    attributes = hold_pb2.Attributes()
    attributes.CopyFrom(request.attributes)
    attributes.conversation_id = request.conversation_id
    return attributes


def _name(request: Any) -> tuple[str, str, str]:
    return request.account_id, request.conversation_id, request.message_id


def _ttl_ms(request: Any) -> int:
    return int(request.ttl.ToMilliseconds()) if request.HasField("ttl") else TTL_MS_DEFAULT
