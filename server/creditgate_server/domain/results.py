"""What the ledger answers: an outcome, and the hold and the balance as they then stand."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from .balances import Balance
from .calls import Quota
from .holds import Hold


class Result(NamedTuple):
    """The answer to one operation.

    `hold` and `balance` are None where the outcome is a refusal without them.
    `affordable_quantity` is what the work can come to in all, in the unit of its rate; None where
    it was not priced. `unpriced` is the place, from 1, of the usage that has no price where the
    outcome is UNPRICED and the operation speaks of several meters. `quota` is how an open call may
    run. `before` is the answer to the operation that was carried out before this one.
    """

    outcome: int
    asked_micros: int
    shortfall_micros: int
    retry_at: datetime | None
    replayed: bool
    charged_micros: int
    uncollected_micros: int
    hold: Hold | None
    balance: Balance | None
    limit_name: str | None = None
    affordable_quantity: int | None = None
    unpriced: int | None = None
    quota: Quota | None = None
    before: Result | None = None
