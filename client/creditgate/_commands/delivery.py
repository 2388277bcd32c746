"""The commands about endpoints and deliveries."""

from __future__ import annotations

import click

from creditgate._commands.command import ACCOUNT, HELP, Session, command
from creditgate._commands.output import delivery_line, endpoint_line
from creditgate._types.delivery import DeliveryState
from creditgate._types.event import EventKind

KINDS = [
    kind.value.lower().replace("_", ".", 1) for kind in EventKind if kind is not EventKind.UNKNOWN
]
STATES = [state.value.lower() for state in DeliveryState if state is not DeliveryState.UNKNOWN]
ENDPOINT = click.argument("endpoint")


@click.group(context_settings=HELP)
def endpoint() -> None:
    """Say where events are to be sent."""


@command
@ENDPOINT
@click.option("--url", help="Send webhooks there.")
@click.option("--email", help="Send mail there.")
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only these; repeatable."
)
@click.option("--account", default="", help="Only the events of this account.")
def put(
    session: Session,
    *,
    endpoint: str,
    url: str | None,
    email: str | None,
    kinds: tuple[str, ...],
    account: str,
) -> None:
    """Make an ENDPOINT, or change it, and show the secret it is verified with."""
    answer = session.client.put_endpoint(
        endpoint,
        webhook_url=url,
        email=email,
        kinds=[EventKind(kind.upper().replace(".", "_")) for kind in kinds],
        account_id=account,
    )
    session.show(answer, endpoint_line(answer.endpoint), *_secret(answer.secret))


@command
def list_(session: Session) -> None:
    """List all endpoints."""
    found = list(session.client.list_endpoints())
    session.show(found, *map(endpoint_line, found))


@command
@ENDPOINT
def delete(session: Session, *, endpoint: str) -> None:
    """Delete an ENDPOINT; what waits for it is given up."""
    session.client.delete_endpoint(endpoint)
    session.show({"deleted": endpoint}, f"endpoint {endpoint} deleted")


@command
@ENDPOINT
@click.argument("generation", type=int)
def rotate(session: Session, *, endpoint: str, generation: int) -> None:
    """Give an ENDPOINT the secret of the next GENERATION, 2 for its second one."""
    answer = session.client.rotate_endpoint_secret(endpoint, generation=generation)
    session.show(answer, endpoint_line(answer.endpoint), *_secret(answer.secret))


@click.group(context_settings=HELP)
def delivery() -> None:
    """Show events on their way, and send given-up ones again."""


@command
@click.option("--state", type=click.Choice(STATES), help="Only these.")
@click.option("--endpoint", default="", help="Only those to this endpoint.")
@click.option("--account", default="", help="Only those of this account.")
def list__(session: Session, *, state: str | None, endpoint: str, account: str) -> None:
    """List deliveries: the pending ones, the done, the dead."""
    chosen = DeliveryState(state.upper()) if state else None
    found = list(
        session.client.list_deliveries(state=chosen, endpoint_id=endpoint, account_id=account)
    )
    session.show(found, *map(delivery_line, found))


@command
@ACCOUNT
@click.argument("number", type=int)
@ENDPOINT
def retry(session: Session, *, account: str, number: int, endpoint: str) -> None:
    """Send event NUMBER of an ACCOUNT to an ENDPOINT again after it was given up."""
    answer = session.client.retry_delivery(account, event_number=number, endpoint_id=endpoint)
    session.show(answer, delivery_line(answer))


def _secret(secret: str) -> list[str]:
    return [f"secret {secret}"] if secret else []


for each in (put, list_, delete, rotate):
    endpoint.add_command(each)
for each in (list__, retry):
    delivery.add_command(each)

COMMANDS = (endpoint, delivery)
