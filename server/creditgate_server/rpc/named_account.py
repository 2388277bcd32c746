"""What the requests about an account have in common: its name, and where it lives."""

from __future__ import annotations

from creditgate.v1 import account_service_pb2 as pb
from creditgate.v1 import conversation_service_pb2 as conversations_pb
from creditgate.v1 import event_service_pb2 as events_pb
from creditgate.v1 import usage_service_pb2 as usage_pb
from creditgate_server.domain.account_keys import AccountKey, account_key

from . import fields
from .call import Call

AboutAccount = (
    pb.GetAccountRequest
    | pb.UpdateAccountRequest
    | pb.AddGrantRequest
    | pb.ListGrantsRequest
    | pb.RevokeGrantRequest
    | pb.ConfirmGrantRequest
    | pb.RefuseTopupRequest
    | pb.ListTopupsRequest
    | pb.RefundRequest
    | pb.AddAddonRequest
    | pb.CancelAddonRequest
    | pb.ListAddonsRequest
    | pb.PutBudgetRequest
    | pb.DeleteBudgetRequest
    | pb.ListBudgetsRequest
    | pb.GetStatementRequest
    | pb.ListHoldsRequest
    | events_pb.ListEventsRequest
    | conversations_pb.ReserveMessageRequest
    | conversations_pb.CommitMessageRequest
    | conversations_pb.ReleaseMessageRequest
    | conversations_pb.CloseConversationRequest
    | conversations_pb.GetConversationRequest
    | usage_pb.GetSummaryRequest
    | usage_pb.ListConversationsRequest
    | usage_pb.ListActivityRequest
    | usage_pb.ExportActivityRequest
    | usage_pb.CreateUsageLinkRequest
    | usage_pb.QueryUsageRequest
    | usage_pb.GetDistributionRequest
)


def account_id_of(request: AboutAccount) -> str:
    """Check and answer the account's name."""
    return fields.identifier(request, "account_id", request.account_id)


def key_of(request: AboutAccount, call: Call) -> AccountKey:
    """Check the account's name and answer where it lives."""
    return account_key(call.tenant_id, account_id_of(request))
