"""Turns whatever goes wrong into what callers may know; the rest stays inside, in the log."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from creditgate_server.domain.errors import (
    NotExecutedError,
    OutcomeUnknownError,
    RangeArchivedError,
)
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.lanes import LaneFullError
from creditgate_server.rpc.call import Call, Handler
from creditgate_server.rpc.detached import Shed
from creditgate_server.rpc.method import Method
from creditgate_server.rpc.status import INTERNAL, OUTCOME_UNKNOWN, RpcError, not_executed, refuse

_log = logging.getLogger(__name__)


def translated(method: Method, proceed: Handler, *, shed: Shed) -> Handler:
    """Answer every error as an `RpcError`."""

    async def step(request: Any, call: Call) -> Any:
        try:
            return await proceed(request, call)
        except RpcError:
            raise
        except LaneFullError:
            shed("lane_full")
            raise not_executed() from None
        except NotExecutedError as error:
            _log.debug("%s was not executed: %s", method.name, error)
            raise not_executed() from error
        except OutcomeUnknownError as error:
            _log.warning("%s has an unknown outcome: %s", method.name, error)
            raise RpcError(*OUTCOME_UNKNOWN) from error
        except RangeArchivedError:
            refuse(Outcome.RANGE_ARCHIVED)
        except Exception as error:
            raise unexpected(method.name) from error

    return step


def unexpected(what: str) -> RpcError:
    """Log the exception being handled under a new id, and make the error that names only this."""
    error_id = secrets.token_hex(8)
    _log.exception("%s failed, error_id %s", what, error_id, extra={"error_id": error_id})
    return RpcError(*INTERNAL, metadata={"error_id": error_id})
