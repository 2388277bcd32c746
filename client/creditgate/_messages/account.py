"""The requests of administration: accounts, grants, refunds and lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from creditgate._messages.convert import (
    instant,
    number,
    optional_instant,
    timestamp,
    word,
)
from creditgate._messages.event import read_cycle, read_threshold, to_thresholds
from creditgate._messages.topup import auto_topup_message, read_auto_topup
from creditgate._messages.work import (
    Call,
    read_balance,
    read_hold,
)
from creditgate._types.account import Account, AccountStatus, OveragePolicy, PlanVersion
from creditgate._types.amount import Amount, to_micros
from creditgate._types.base import Page
from creditgate._types.grant import (
    Grant,
    Granting,
    GrantKind,
    GrantState,
    PackageOrder,
    Refund,
    Revocation,
)
from creditgate._types.hold import Hold, HoldState
from creditgate._types.plan import PlanTiming
from creditgate._types.threshold import Threshold
from creditgate._types.topup import AutoTopup
from creditgate.v1 import account_pb2, hold_pb2
from creditgate.v1 import account_service_pb2 as messages


def create_account(
    account_id: str,
    *,
    overdraft_limit: Amount,
    overage_policy: OveragePolicy,
    labels: Mapping[str, str] | None,
) -> Call[Account]:
    request = messages.CreateAccountRequest(
        account_id=account_id,
        overdraft_limit_micros=to_micros(overdraft_limit, name="overdraft_limit"),
        overage_policy=policy_number(overage_policy),
        labels=labels,
    )
    return Call("CreateAccount", request, lambda answer: read_account(answer.account))


def get_account(account_id: str) -> Call[Account]:
    request = messages.GetAccountRequest(account_id=account_id)
    return Call("GetAccount", request, lambda answer: read_account(answer.account), writes=False)


def update_account(
    account_id: str,
    *,
    overdraft_limit: Amount | None,
    overage_policy: OveragePolicy | None,
    status: AccountStatus | None,
    plan: PlanVersion | str | None,
    plan_timing: PlanTiming,
    time_zone: str | None,
    billing_anchor: datetime | None,
    thresholds: Sequence[Threshold | Amount] | None,
    plan_thresholds: bool,
    auto_topup: AutoTopup | None,
) -> Call[Account]:
    request = messages.UpdateAccountRequest(
        account_id=account_id, time_zone=time_zone, billing_anchor=timestamp(billing_anchor)
    )
    if overdraft_limit is not None:
        request.overdraft_limit_micros = to_micros(overdraft_limit, name="overdraft_limit")
    if overage_policy is not None:
        request.overage_policy = policy_number(overage_policy)
    if status is not None:
        chosen = number(account_pb2.AccountStatus, AccountStatus(status).value)
        request.status = account_pb2.AccountStatus.ValueType(chosen)
    if plan is not None:
        named = PlanVersion.parse(plan) if isinstance(plan, str) else plan
        request.plan.plan_id, request.plan.version = named.plan_id, named.version
        timing = number(messages.PlanTiming, PlanTiming(plan_timing).value)
        request.plan.timing = messages.PlanTiming.ValueType(timing)
    if auto_topup is not None:
        request.auto_topup.CopyFrom(auto_topup_message(auto_topup))
    if plan_thresholds:
        request.thresholds.reset = True
    if thresholds is not None:
        request.thresholds.SetInParent()
        request.thresholds.thresholds.extend(to_thresholds(thresholds))
    return Call("UpdateAccount", request, lambda answer: read_account(answer.account))


def add_grant(
    account_id: str,
    *,
    grant_id: str,
    amount: Amount,
    kind: GrantKind,
    priority: int,
    effective_at: datetime | None,
    expires_at: datetime | None,
    reference: str,
    unpaid: bool,
) -> Call[Granting]:
    chosen = number(account_pb2.GrantKind, GrantKind(kind).value)
    request = messages.AddGrantRequest(
        account_id=account_id,
        grant_id=grant_id,
        kind=account_pb2.GrantKind.ValueType(chosen),
        amount_micros=to_micros(amount),
        priority=priority,
        effective_at=timestamp(effective_at),
        expires_at=timestamp(expires_at),
        reference=reference,
        unpaid=unpaid,
    )
    return Call("AddGrant", request, read_granting)


def buy_package(
    account_id: str,
    *,
    grant_id: str,
    package_id: str,
    version: int,
    quantity: int,
    unpaid: bool,
    reference: str,
) -> Call[Granting]:
    request = messages.AddGrantRequest(
        account_id=account_id,
        grant_id=grant_id,
        kind=account_pb2.GRANT_KIND_PURCHASED,
        package=account_pb2.PackageOrder(package_id=package_id, version=version, quantity=quantity),
        unpaid=unpaid,
        reference=reference,
    )
    return Call("AddGrant", request, read_granting)


def confirm_grant(account_id: str, *, grant_id: str) -> Call[Granting]:
    request = messages.ConfirmGrantRequest(account_id=account_id, grant_id=grant_id)
    return Call("ConfirmGrant", request, read_granting)


def revoke_grant(account_id: str, *, grant_id: str) -> Call[Revocation]:
    request = messages.RevokeGrantRequest(account_id=account_id, grant_id=grant_id)
    return Call("RevokeGrant", request, read_revocation)


def refund(account_id: str, *, refund_id: str, hold_id: str, amount: Amount) -> Call[Refund]:
    request = messages.RefundRequest(
        account_id=account_id,
        refund_id=refund_id,
        hold_id=hold_id,
        amount_micros=to_micros(amount),
    )
    return Call("Refund", request, read_refund)


def list_accounts(*, page_size: int, page_token: str) -> Call[Page[Account]]:
    request = messages.ListAccountsRequest(page_size=page_size, page_token=page_token)
    return Call("ListAccounts", request, read_accounts, writes=False)


def list_grants(account_id: str, *, page_size: int, page_token: str) -> Call[Page[Grant]]:
    request = messages.ListGrantsRequest(
        account_id=account_id, page_size=page_size, page_token=page_token
    )
    return Call("ListGrants", request, read_grants, writes=False)


def list_holds(
    account_id: str,
    *,
    state: HoldState | None,
    gateway_id: str,
    epoch_below: int,
    page_size: int,
    page_token: str,
) -> Call[Page[Hold]]:
    chosen = 0 if state is None else number(hold_pb2.HoldState, HoldState(state).value)
    request = messages.ListHoldsRequest(
        account_id=account_id,
        state=hold_pb2.HoldState.ValueType(chosen),
        gateway_id=gateway_id,
        epoch_below=epoch_below,
        page_size=page_size,
        page_token=page_token,
    )
    return Call("ListHolds", request, read_holds, writes=False)


def read_account(account: account_pb2.Account) -> Account:
    return Account(
        account_id=account.account_id,
        status=AccountStatus(word(account_pb2.AccountStatus, account.status)),
        overage_policy=OveragePolicy(word(account_pb2.OveragePolicy, account.overage_policy)),
        balance=read_balance(account.balance),
        debt_micros=account.debt_micros,
        open_holds=account.open_holds,
        labels=dict(account.labels),
        created_at=instant(account.created_at),
        plan=_plan(account.plan_id, account.plan_version),
        next_plan=_plan(account.next_plan_id, account.next_plan_version),
        time_zone=account.time_zone,
        billing_anchor=optional_instant(account, "billing_anchor"),
        cycle=read_cycle(account.cycle) if account.HasField("cycle") else None,
        thresholds=tuple(map(read_threshold, account.thresholds)),
        own_thresholds=account.own_thresholds,
        unpaid_micros=account.unpaid_micros,
        auto_topup=read_auto_topup(account),
        topup_request_id=account.topup_request_id,
    )


def _plan(plan_id: str, version: int) -> PlanVersion | None:
    return PlanVersion(plan_id=plan_id, version=version) if plan_id else None


def read_grant(grant: account_pb2.Grant) -> Grant:
    return Grant(
        grant_id=grant.grant_id,
        kind=GrantKind(word(account_pb2.GrantKind, grant.kind)),
        amount_micros=grant.amount_micros,
        remaining_micros=grant.remaining_micros,
        priority=grant.priority,
        effective_at=instant(grant.effective_at),
        expires_at=optional_instant(grant, "expires_at"),
        state=GrantState(word(account_pb2.GrantState, grant.state)),
        reference=grant.reference,
        created_at=instant(grant.created_at),
        package=_package(grant.package) if grant.HasField("package") else None,
    )


def _package(order: account_pb2.PackageOrder) -> PackageOrder:
    return PackageOrder(package_id=order.package_id, version=order.version, quantity=order.quantity)


def read_granting(
    answer: messages.AddGrantResponse | messages.ConfirmGrantResponse,
) -> Granting:
    return Granting(
        grant=read_grant(answer.grant),
        balance=read_balance(answer.balance),
        replayed=answer.replayed,
    )


def read_revocation(answer: messages.RevokeGrantResponse) -> Revocation:
    return Revocation(
        grant=read_grant(answer.grant),
        balance=read_balance(answer.balance),
        revoked_micros=answer.revoked_micros,
    )


def read_refund(answer: messages.RefundResponse) -> Refund:
    return Refund(
        hold=read_hold(answer.hold),
        balance=read_balance(answer.balance),
        replayed=answer.replayed,
        expired_micros=answer.expired_micros,
    )


def read_accounts(answer: messages.ListAccountsResponse) -> Page[Account]:
    items = tuple(read_account(account) for account in answer.accounts)
    return Page(items=items, next_page_token=answer.next_page_token)


def read_grants(answer: messages.ListGrantsResponse) -> Page[Grant]:
    items = tuple(read_grant(grant) for grant in answer.grants)
    return Page(items=items, next_page_token=answer.next_page_token)


def read_holds(answer: messages.ListHoldsResponse) -> Page[Hold]:
    items = tuple(read_hold(hold) for hold in answer.holds)
    return Page(items=items, next_page_token=answer.next_page_token)


def policy_number(policy: OveragePolicy) -> account_pb2.OveragePolicy.ValueType:
    """The number of an overage policy."""
    chosen = number(account_pb2.OveragePolicy, OveragePolicy(policy).value)
    return account_pb2.OveragePolicy.ValueType(chosen)
