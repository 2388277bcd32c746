"""The commands about conversations, and how their terms are written."""

from __future__ import annotations

import click

from creditgate._commands.command import ACCOUNT, EXIT_DENIED, HELP, Session, command
from creditgate._commands.output import balance_line
from creditgate._commands.terms import Terms, Words
from creditgate._types.conversation import (
    Conversation,
    ConversationPricing,
    ConversationState,
    ConversationTerms,
)
from creditgate._types.rate import Usage

_PRICINGS = {each.value.lower(): each for each in ConversationPricing}
_STATES = {each.value.lower(): each for each in ConversationState if each.value != "UNKNOWN"}
_WORDS: Words = {
    "pricing": ("pricing", _PRICINGS.__getitem__),
    "timeout": ("inactivity_timeout_seconds", float),
    "reopen": ("reopen_within_seconds", float),
    "meter": ("conversation_meter", str),
    "message-meter": ("message_meter", str),
}


CONVERSATIONS = click.option(
    "--conversations",
    type=Terms(ConversationTerms, _WORDS),
    help="What they cost: pricing=both,timeout=600.",
)
_CONVERSATION = click.argument("conversation")
_MESSAGE = click.argument("message")
_CAUSE = click.option("--cause", default="", help="Why it ended.")
_HANDED = click.option("--handed-off", is_flag=True, help="It is given to a human.")
_SESSION = click.option("--session", "number", type=int, help="Which session; the latest if none.")


@click.group(context_settings=HELP)
def conversation() -> None:
    """Tell what happens in conversations, and show them."""


@command
@ACCOUNT
@_CONVERSATION
@_MESSAGE
@click.option("--type", "kind", default="", help="What kind of conversation it is.")
@click.option("--meter", default="", help="What the message is counted in.")
@click.option("--model", default="", help="The model that answers it.")
@click.option("--quantity", type=int, default=1, show_default=True, help="How much of it.")
@click.option("--ttl", type=float, default=60.0, show_default=True, help="Seconds to answer it.")
def say(
    session: Session,
    *,
    account: str,
    conversation: str,
    message: str,
    kind: str,
    meter: str,
    model: str,
    quantity: int,
    ttl: float,
) -> None:
    """Ask whether a MESSAGE may be answered, and set aside what it costs."""
    answer = session.client.reserve_message(
        account,
        conversation_id=conversation,
        message_id=message,
        type=kind,
        usage=Usage(meter, quantity, model),
        ttl_seconds=ttl,
    )
    shown = [conversation_line(answer.conversation)] if answer.conversation else []
    limit = f"  limit {answer.limit}" if answer.limit else ""
    decided = f"{answer.decision.value}  asked {answer.asked}{limit}"
    session.show(answer, decided, *shown, balance_line(answer.balance))
    if not answer.granted:
        raise SystemExit(EXIT_DENIED)


@command
@ACCOUNT
@_CONVERSATION
@_MESSAGE
@click.option("--quantity", type=int, help="What it has used; what was reserved if not given.")
def said(
    session: Session, *, account: str, conversation: str, message: str, quantity: int | None
) -> None:
    """Charge a MESSAGE that was answered."""
    answer = session.client.commit_message(
        account, conversation_id=conversation, message_id=message, used_quantity=quantity
    )
    line = f"charged {answer.charged}"
    session.show(answer, line, conversation_line(answer.conversation), balance_line(answer.balance))


@command
@ACCOUNT
@_CONVERSATION
@_MESSAGE
@_HANDED
@_CAUSE
def unsay(
    session: Session,
    *,
    account: str,
    conversation: str,
    message: str,
    handed_off: bool,
    cause: str,
) -> None:
    """Free a MESSAGE that was not answered."""
    answer = session.client.release_message(
        account,
        conversation_id=conversation,
        message_id=message,
        handed_off=handed_off,
        termination_cause=cause,
    )
    shown = [conversation_line(answer.conversation)] if answer.conversation else []
    session.show(answer, *shown, balance_line(answer.balance))


@command
@ACCOUNT
@_CONVERSATION
@_SESSION
@_HANDED
@_CAUSE
def close(
    session: Session,
    *,
    account: str,
    conversation: str,
    number: int | None,
    handed_off: bool,
    cause: str,
) -> None:
    """End a session of a CONVERSATION."""
    answer = session.client.close_conversation(
        account,
        conversation_id=conversation,
        session=number,
        handed_off=handed_off,
        termination_cause=cause,
    )
    session.show(answer, conversation_line(answer.conversation), balance_line(answer.balance))


@command
@ACCOUNT
@_CONVERSATION
@_SESSION
def show(session: Session, *, account: str, conversation: str, number: int | None) -> None:
    """Show a session of a CONVERSATION."""
    answer = session.client.get_conversation(account, conversation_id=conversation, session=number)
    session.show(answer, conversation_line(answer))


@command
@ACCOUNT
@click.option("--of", "of", default="", help="Only sessions of this conversation.")
@click.option("--state", type=click.Choice(sorted(_STATES)), help="Only those.")
def list_(session: Session, *, account: str, of: str, state: str | None) -> None:
    """List the sessions of an account's conversations, the last to start first."""
    chosen = _STATES[state] if state else None
    found = list(session.client.list_conversations(account, conversation_id=of, state=chosen))
    session.show(found, *map(conversation_line, found))


def conversation_line(it: Conversation) -> str:
    """A session in one line."""
    ended = it.ending.value.lower() if it.ending else it.state.value.lower()
    return (
        f"{it.conversation_id} session {it.session}  {ended}  {it.messages} messages"
        f"  {it.duration_seconds:g} s  charged {it.charged}"
    )


conversation.add_command(say)
conversation.add_command(said)
conversation.add_command(unsay)
conversation.add_command(close)
conversation.add_command(show)
conversation.add_command(list_, "list")

COMMANDS = (conversation,)
