"""What is told of a watched account, as messages."""

from __future__ import annotations

from creditgate.v1 import event_service_pb2 as pb
from creditgate_server.domain.events import Event
from creditgate_server.domain.watches import Ending, Sight

from . import encode, encode_events


def state(of: Sight) -> pb.AccountState:
    """Write an account as it stands."""
    to = pb.AccountState(open_holds=of.open_holds, event_number=of.event_count)
    to.status = of.status  # type: ignore[assignment]  # the numbers are those of the API
    encode.balance(to.balance, of.balance)
    return to


def event(of: Event, account_id: str) -> pb.WatchAccountResponse:
    """Write an event of an account."""
    response = pb.WatchAccountResponse()
    encode_events.event(response.event, of, account_id)
    return response


def hold_must_end(of: Ending) -> pb.WatchAccountResponse:
    """Write the warning of a hold's expiry."""
    response = pb.WatchAccountResponse()
    to = response.hold_must_end
    to.hold_id = of.hold_id
    to.held_micros = of.held_micros
    encode.moment(to.ends_at, of.expires_at)
    return response
