"""The oracle's conversations: sessions, their messages, and the holds of both.

Written from the design alone. The holds are those of the oracle; what is all or nothing is tried on
a copy of the account.
"""

from __future__ import annotations

from collections import defaultdict
from copy import deepcopy
from dataclasses import replace
from typing import Any

from tests.model import Model
from tests.oracle.account import DEFAULT_TTL_MS
from tests.oracle.administration import refusable
from tests.oracle.answers import Answer, Pairs, Refused
from tests.oracle.lines import Usage
from tests.oracle.prices import price
from tests.oracle.sessions import SESSIONS, Message, Session
from tests.oracle.subscriber import Subscriber
from tests.oracle.summaries import Asked, Summing

DONE = {"GRANTED", "ACCEPTED"}


class ConversingModel(Model):
    """A tenant whose accounts have conversations."""

    def __init__(self) -> None:
        super().__init__()
        self.talks: defaultdict[tuple[str, str], list[Session]] = defaultdict(list)
        self.unsaid: set[tuple[str, str, str]] = set()

    @refusable
    def reserve_message(
        self,
        at: int,
        account_id: str,
        conversation_id: str,
        message_id: str,
        *,
        type: str = "",  # noqa: A002 - as the API has it
        usage: Usage = ("", "", 1),
        ttl_ms: int = DEFAULT_TTL_MS,
        attributes: Pairs = (),
        labels: Pairs = (),
    ) -> Answer:
        account, sessions = self._find(at, account_id, conversation_id)
        attributes = tuple(sorted({*attributes, ("conversation_id", conversation_id)}))
        usage = (*usage[:2], usage[2] or 1)
        body = (type, usage, ttl_ms, attributes, labels)
        if (account_id, conversation_id, message_id) in self.unsaid:
            raise Refused("HOLD_RELEASED")
        for session in sessions:
            if message_id in session.messages:
                return self._again(at, account_id, session, message_id, body)
        before, latest = deepcopy(account), sessions[-1] if sessions else None
        opened = latest is None or not latest.takes(at)
        if opened or latest is None:
            terms = account.limits.conversations
            latest = Session(
                conversation_id, len(sessions) + 1, terms, type, at, attributes, labels, at
            )
        tried = deepcopy(latest)
        steps = self._set_aside(at, account_id, tried, message_id, body)
        failed = [each for each in steps if each.outcome not in DONE]
        if not steps and account.status != "ACTIVE":
            failed = [Answer("DENIED_ACCOUNT_INACTIVE")]
        if failed:
            self.accounts[account_id] = before
            shown = sessions[-1].view(before) if sessions else None
            wish = self._wish(before, tried, usage)
            if not failed[0].outcome.startswith("DENIED"):
                return Answer(failed[0].outcome)
            return replace(_denied(before, at, failed[0], wish), conversation=shown)
        tried.stop = tried.silent_since = None
        tried.not_before = 0
        tried.activity = max(tried.activity, at)
        tried.messages[message_id] = Message(body, usage[2], at + ttl_ms * 1000)
        sessions[len(sessions) - (not opened) :] = [tried]
        hold = next((each for each in steps if each.hold and "##" in each.hold.hold_id), None)
        account = self.accounts[account_id]
        return Answer(
            "GRANTED",
            balance=account.balance(at),
            asked=sum(each.asked for each in steps),
            hold=hold.hold if hold else None,
            affordable=hold.affordable if hold else 0,
            conversation=tried.view(account),
            opened=opened,
        )

    @refusable
    def commit_message(
        self,
        at: int,
        account_id: str,
        conversation_id: str,
        message_id: str,
        *,
        used: int | None = None,
        used_quantity: int | None = None,
    ) -> Answer:
        account, sessions = self._find(at, account_id, conversation_id)
        session = next((each for each in sessions if message_id in each.messages), None)
        if session is None:
            unsaid = (account_id, conversation_id, message_id) in self.unsaid
            raise Refused("HOLD_RELEASED" if unsaid else "MESSAGE_NOT_FOUND")
        message = session.messages[message_id]
        if message.state == "RELEASED":
            raise Refused("HOLD_RELEASED")
        asked = {"used": used} if used is not None else {"used_quantity": used_quantity}
        if used is None and used_quantity is None:
            asked = {"used_quantity": message.quantity}
        steps = []
        if name := session.hold_id(message_id):
            steps.append(self.commit(at, account_id, name, **asked))
            if steps[0].outcome != "ACCEPTED":
                return steps[0]
        hold = steps[0].hold if steps else None
        if message.state == "UNDER_WAY":
            if session.owes_credit:
                steps.append(self.commit(at, account_id, session.credit_id, used_quantity=1))
            message.state = "COMMITTED"
            if session.runs:
                session.activity, session.not_before = max(session.activity, at), 0
        charged = [each for each in steps if each.charged + each.uncollected]
        return Answer(
            "ACCEPTED",
            balance=account.balance(at),
            hold=hold,
            charged=sum(each.charged for each in steps),
            uncollected=sum(each.uncollected for each in steps),
            late=any(each.late for each in charged),
            conversation=session.view(account),
        )

    @refusable
    def release_message(
        self,
        at: int,
        account_id: str,
        conversation_id: str,
        message_id: str,
        *,
        cause: str = "",
        handed_off: bool = False,
    ) -> Answer:
        account, sessions = self._find(at, account_id, conversation_id)
        session = next((each for each in sessions if message_id in each.messages), None)
        name, known = (account_id, conversation_id, message_id), session is not None
        fresh = name not in self.unsaid and not known
        if session is None:
            self.unsaid.add(name)
            session = sessions[-1] if sessions else None
        message = session.messages.get(message_id) if session else None
        hold = None
        if session and message:
            if hold_id := session.hold_id(message_id):
                hold = self.release(at, account_id, hold_id, cause=cause).hold
            fresh = message.state == "UNDER_WAY"
            message.state = "RELEASED" if fresh else message.state
            self._free(at, account_id, session, cause, when=fresh)
        if session and fresh and session.runs:
            if handed_off:
                session.stop = (at, "HANDED_OFF", cause)
            elif message:
                session.not_before = at
                session.pass_to(at)
        shown = session.view(account) if session else None
        return Answer("ACCEPTED", balance=account.balance(at), hold=hold, conversation=shown)

    @refusable
    def close_conversation(
        self,
        at: int,
        account_id: str,
        conversation_id: str,
        *,
        session: int = 0,
        cause: str = "",
        handed_off: bool = False,
    ) -> Answer:
        account, sessions = self._find(at, account_id, conversation_id)
        found = _pick(sessions, session)
        if found.runs:
            found.stop = (at, "HANDED_OFF" if handed_off else "CLOSED", cause)
            self._free(at, account_id, found, cause, when=True)
        return Answer("ACCEPTED", balance=account.balance(at), conversation=found.view(account))

    @refusable
    def get_conversation(
        self, at: int, account_id: str, conversation_id: str, *, session: int = 0
    ) -> Answer:
        account, sessions = self._look(at, account_id, conversation_id)
        return Answer("ACCEPTED", conversation=_pick(sessions, session).view(account))

    @refusable
    def list_conversations(
        self,
        at: int,
        account_id: str,
        *,
        conversation_id: str = "",
        state: str = "",
        start: int | None = None,
        until: int | None = None,
    ) -> Answer:
        account = self.account(None, account_id)
        names = [name for owner, name in self.talks if owner == account_id]
        found = [each for name in names for each in self._look(at, account_id, name)[1]]
        found.sort(key=lambda each: (each.started_at, each.conversation_id, each.number))
        kept = [
            view
            for view in (each.view(account) for each in reversed(found))
            if conversation_id in {"", view.conversation_id}
            and state in {"", view.state}
            and (start is None or view.started_at >= start)
            and (until is None or view.started_at < until)
        ]
        return Answer("ACCEPTED", conversations=tuple(kept))

    def _find(self, at: int, account_id: str, name: str) -> tuple[Subscriber, list[Session]]:
        account, sessions = self.account(at, account_id), self.talks[account_id, name]
        for each in sessions:
            each.pass_to(at)
        return account, sessions

    def _look(self, at: int, account_id: str, name: str) -> tuple[Subscriber, list[Session]]:
        """The same without changing the account."""
        account, sessions = self.account(None, account_id), self.talks[account_id, name]
        for each in sessions:
            each.pass_to(at)
        return account, sessions

    def _again(
        self, at: int, account_id: str, session: Session, message_id: str, body: tuple[Any, ...]
    ) -> Answer:
        if session.messages[message_id].body != body:
            raise Refused("NAME_REUSED")
        account, again = self.account(at, account_id), Answer("GRANTED")
        if session.hold_id(message_id):
            again = self._reserve_message(at, account_id, session, message_id, body)
        return replace(
            again,
            balance=account.balance(at),
            replayed=True,
            conversation=session.view(account),
        )

    def _set_aside(
        self, at: int, account_id: str, session: Session, message_id: str, body: tuple[Any, ...]
    ) -> list[Answer]:
        """Reserve what the session asks for and then what the message does, until one fails."""
        account, steps = self.account(at, account_id), []
        ttl_ms = body[2]
        if session.owes_credit:
            credit = account.holds.get(session.credit_id)
            if credit and credit.state == "OPEN":
                # To keep what is held is no new work, and nobody asks for the account's status.
                steps.append(self.extend(at, account_id, session.credit_id, ttl_ms=ttl_ms))
                if session.terms.pricing == SESSIONS and account.status != "ACTIVE":
                    steps = [Answer("DENIED_ACCOUNT_INACTIVE")]
            else:
                session.credits += 1
                steps.append(
                    self.reserve(
                        at,
                        account_id,
                        session.credit_id,
                        usage=(session.terms.meter, session.type, 1),
                        ttl_ms=ttl_ms,
                        attributes=session.attributes,
                        labels=session.labels,
                    )
                )
        going_well = all(each.outcome in DONE for each in steps)
        if going_well and session.terms.pricing != SESSIONS:
            steps.append(self._reserve_message(at, account_id, session, message_id, body))
        return steps

    def _reserve_message(
        self, at: int, account_id: str, session: Session, message_id: str, body: tuple[Any, ...]
    ) -> Answer:
        _, (meter, model, quantity), ttl_ms, attributes, labels = body
        return self.reserve(
            at,
            account_id,
            f"{session.conversation_id}##{message_id}",
            usage=(meter or session.terms.message_meter, model, quantity),
            ttl_ms=ttl_ms,
            attributes=attributes,
            labels=labels,
        )

    def _wish(self, account: Subscriber, session: Session, usage: Usage) -> int:
        """What session and message ask for together; what has no price asks for nothing."""
        wished = []
        if session.owes_credit and session.credit_id not in account.holds:
            wished.append((session.terms.meter, session.type, 1))
        if session.terms.pricing != SESSIONS:
            wished.append((usage[0] or session.terms.message_meter, *usage[1:]))
        rates = ((account.rate(meter, model), quantity) for meter, model, quantity in wished)
        return sum(price(rate, quantity) for rate, quantity in rates if rate)

    def _free(self, at: int, account_id: str, session: Session, cause: str, *, when: bool) -> None:
        """Free the credit of a session that nobody may confirm any more."""
        credit = self.account(at, account_id).holds.get(session.credit_id)
        owes = when and session.owes_credit and not session.under_way
        if owes and credit and credit.state == "OPEN":
            self.release(at, account_id, session.credit_id, cause=cause)

    @refusable
    def get_summary(self, at: int, account_id: str, *, asked: Asked | None = None) -> Answer:
        account = self.account(None, account_id)
        names = [name for owner, name in self.talks if owner == account_id]
        sessions = [each for name in names for each in self._look(at, account_id, name)[1]]
        return Answer("ACCEPTED", summary=Summing(account, sessions, at, asked).view())


def _pick(sessions: list[Session], number: int) -> Session:
    found = [each for each in sessions if number in {0, each.number}]
    if not found:
        raise Refused("CONVERSATION_NOT_FOUND")
    return found[-1]


def _denied(account: Subscriber, at: int, failed: Answer, wish: int) -> Answer:
    """A denial of session and message as one, on the account as it was."""
    balance = account.balance(at)
    answer = Answer(failed.outcome, balance=balance, asked=wish, limit=failed.limit)
    if failed.outcome not in {"DENIED_INSUFFICIENT_CREDITS", "DENIED_CREDITS_HELD"}:
        return answer
    answer = replace(answer, shortfall=wish - balance.available)
    if wish > balance.settled + balance.overdraft:
        return replace(answer, outcome="DENIED_INSUFFICIENT_CREDITS")
    first = min(hold.expires_at for hold in account.open_holds)
    return replace(answer, outcome="DENIED_CREDITS_HELD", retry_after=first - at)
