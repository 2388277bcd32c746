"""All handlers of the API, each at the end of its way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from creditgate_server.domain.activity import Activities
from creditgate_server.domain.budgets import Budgets
from creditgate_server.domain.calls import GatewayCalls
from creditgate_server.domain.conversations import Conversations, Reply, Utterance
from creditgate_server.domain.deliveries import Endpoints
from creditgate_server.domain.events import Events
from creditgate_server.domain.ledger import Accounts, Ledger
from creditgate_server.domain.links import Links
from creditgate_server.domain.operations import Operation
from creditgate_server.domain.packages import Packages
from creditgate_server.domain.plans import Catalog
from creditgate_server.domain.rates import RateCards
from creditgate_server.domain.results import Result
from creditgate_server.domain.statements import Statements
from creditgate_server.domain.summaries import Summaries
from creditgate_server.domain.topups import Topups
from creditgate_server.domain.usage import Usages
from creditgate_server.lanes import Lanes
from creditgate_server.topics import Topics

from .accounts import AccountAdministration
from .activity import ActivityExports, ActivityReading
from .addons import Addons
from .authorization import Authorization
from .budgets import BudgetAdministration
from .call import Handler
from .catalog import PlanCatalog
from .conversations import ConversationReading, Conversing
from .deliveries import DeliveryAdministration
from .detached import Detached, Shed
from .endpoints import EndpointAdministration
from .events import EventReading
from .holds import HoldReading
from .interceptors.rate import Rates
from .links import LinkMaking
from .lists import Lists
from .method import (
    ADMINISTRATION,
    BATCH,
    CONVERSING,
    EXPORT,
    OPERATIONS,
    REPORTING,
    SELLING,
    STREAM,
    TELLING,
    WATCH,
    Method,
)
from .operations import Batch, Operations
from .packages import PackageCatalog
from .pages import Pages
from .pins import Pins
from .pipeline import Pipeline
from .rate_cards import RateCardCatalog
from .statements import StatementReading
from .stream import Streams
from .summaries import SummaryReading
from .targets import Targets
from .topups import TopupAdministration
from .traces import TraceId
from .usage import UsageReading
from .watch import AccountWatches, WatchRules


@dataclass(frozen=True, kw_only=True)
class Services:
    """What the transport serves, and the streams it has to end when it stops."""

    handlers: Mapping[Method, Handler]
    streams: Streams
    watches: AccountWatches
    exports: ActivityExports

    def drain(self) -> None:
        """End all streams: what was read of them is answered before."""
        self.streams.drain()
        self.watches.drain()
        self.exports.drain()


def make_services(
    *,
    ledger: Ledger,
    accounts: Accounts,
    gateway_calls: GatewayCalls,
    catalog: Catalog,
    packages: Packages,
    topups: Topups,
    rate_cards: RateCards,
    budgets: Budgets,
    statements: Statements,
    activities: Activities,
    summaries: Summaries,
    links: Links,
    usages: Usages,
    exports_max: int,
    topics: Topics,
    watch_rules: WatchRules,
    events: Events,
    endpoints: Endpoints,
    targets: Targets,
    lanes: Lanes[Operation, Result],
    conversations: Conversations,
    conversation_lanes: Lanes[Utterance, Reply],
    detached: Detached,
    pages: Pages,
    rates: Rates,
    shed: Shed,
    pipeline: Pipeline,
    trace_id: TraceId,
) -> Services:
    """Make the handlers of all methods."""
    authorization = Authorization(
        ledger, rate_cards, lanes, detached, Pins(pages), trace_id=trace_id
    )
    lists = Lists(pages)
    rest = (
        AccountAdministration(accounts, lists, detached),
        HoldReading(accounts, gateway_calls, lists, detached),
        Addons(catalog, lists, detached),
        BudgetAdministration(budgets, lists, detached),
        StatementReading(statements, lists, detached),
        ActivityReading(activities, lists, detached),
        SummaryReading(summaries, detached),
        LinkMaking(accounts, links, detached),
        UsageReading(usages, lists, detached),
        PlanCatalog(catalog, lists, detached),
        PackageCatalog(packages, lists, detached),
        TopupAdministration(topups, lists, detached),
        RateCardCatalog(rate_cards, lists, detached),
        Conversing(conversations, conversation_lanes, detached, trace_id=trace_id),
        ConversationReading(conversations, lists, detached),
        *_telling(events, endpoints, targets, lists, detached),
    )
    hot = {method: getattr(authorization, method.snake) for method in OPERATIONS}
    methods = (*ADMINISTRATION, *SELLING, *TELLING, *CONVERSING, *REPORTING)
    admin = {method: _find(method, rest) for method in methods}
    on_stream = {m.snake: pipeline.for_message(m, handler) for m, handler in hot.items()}
    in_batch = {m.snake: pipeline.for_part(m, handler) for m, handler in hot.items()}
    streams = Streams(Operations(on_stream))
    handlers = {m: pipeline.for_bytes(m, handler) for m, handler in (hot | admin).items()}
    handlers[BATCH] = pipeline.for_bytes(BATCH, Batch(Operations(in_batch), rates).batch_authorize)
    handlers[STREAM] = pipeline.for_stream(STREAM, streams.authorize)
    watches = AccountWatches(topics, pipeline.for_check(WATCH), watch_rules, shed=shed)
    handlers[WATCH] = pipeline.for_stream(WATCH, watches.watch_account)
    exports = ActivityExports(
        activities, pages, detached, pipeline.for_check(EXPORT), exports_max=exports_max, shed=shed
    )
    handlers[EXPORT] = pipeline.for_stream(EXPORT, exports.export_activity)
    return Services(handlers=handlers, streams=streams, watches=watches, exports=exports)


def _telling(
    events: Events, endpoints: Endpoints, targets: Targets, lists: Lists, detached: Detached
) -> Iterable[object]:
    """Make those who answer for what is told to others."""
    return (
        EventReading(events, lists, detached),
        EndpointAdministration(endpoints, lists, detached, targets),
        DeliveryAdministration(endpoints, lists, detached),
    )


def _find(method: Method, servicers: Iterable[object]) -> Handler:
    """Find who handles a method; exactly one does."""
    (handler,) = (getattr(s, method.snake) for s in servicers if hasattr(s, method.snake))
    found: Handler = handler
    return found
