"""Accounts as the administration sees them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from .balances import Balance


class AccountStatus(IntEnum):
    """What may be done with an account. The numbers are those of the database and of the API."""

    ACTIVE = 1
    SUSPENDED = 2
    CLOSED = 3


class OveragePolicy(IntEnum):
    """What happens to usage that cannot be collected.

    The numbers are those of the database and of the API.
    """

    CAP = 1
    DEBT = 2
    DENY = 3


class Account(NamedTuple):
    """One wallet as it stands. `labels` is JSON text, `thresholds` are as in `Plan`."""

    account_id: str
    status: int
    overage_policy: int
    balance: Balance
    debt_micros: int
    open_holds: int
    labels: str
    created_at: datetime
    standing: Standing
    thresholds: Sequence[int]
    own_thresholds: bool
    unpaid_micros: int
    auto_topup: str | None = None
    topup_request_id: str | None = None


class Standing(NamedTuple):
    """Where an account is in its plan; None where there is no plan, no next plan, no cycle."""

    plan_id: str | None
    plan_version: int | None
    next_plan_id: str | None
    next_plan_version: int | None
    time_zone: str
    anchor_at: datetime | None
    cycle_no: int
    cycle_starts_at: datetime | None
    cycle_ends_at: datetime | None


class NewAccount(NamedTuple):
    """What CreateAccount asks for. `labels` is canonical JSON text (sorted keys)."""

    account_id: str
    overdraft_limit_micros: int = 0
    overage_policy: int = OveragePolicy.CAP
    labels: str = "{}"


class AccountChange(NamedTuple):
    """What UpdateAccount asks for; None leaves a field as it is.

    `plan_thresholds` gives an account with thresholds of its own the plan's again. `auto_topup` is
    JSON text with the fields of the API's AutoTopup.
    """

    overdraft_limit_micros: int | None = None
    overage_policy: int | None = None
    status: int | None = None
    plan_id: str | None = None
    plan_version: int | None = None
    next_cycle: bool = False
    time_zone: str | None = None
    anchor_at: datetime | None = None
    thresholds: Sequence[int] | None = None
    plan_thresholds: bool = False
    auto_topup: str | None = None
