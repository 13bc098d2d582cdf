"""The HTTP application and its services."""

from __future__ import annotations

from asyncio import Event
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache, partial

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from api import agent, browser_pages, contact_attachments, contact_transcripts, errors, reconnections, request_ids
from api.administration import audit_log, customers, webhook_changes, webhooks
from api.administration import routes as administration
from api.client_tokens import ClientTokens
from api.codec import Codec
from api.connect import (
    agent_status,
    agent_statuses,
    bots,
    chats,
    contact_details,
    contact_routing,
    contact_search,
    contact_segments,
    contact_tree,
    contacts,
    current_metrics,
    flows,
    metrics,
    monitoring,
    participant_timers,
    queues,
    rehydration,
    streaming,
    transfers,
    user_data,
    users,
)
from api.current_keys import CurrentKeys
from api.dependencies import Services
from api.direct_routes import DirectRoutes
from api.feed import routes as feed
from api.foreign_tokens import ForeignTokens
from api.head_requests import HeadRequests
from api.key_sets import KeySets
from api.known_hosts import KnownHosts
from api.origins import Origins
from api.pages import demo, public_chats
from api.pages.files import page_routes
from api.participant import attachments, connection, files, messages, socket, transcript
from api.participant.arrival import MessagesInOrder
from api.paths import EncodedSlashes
from api.request_limits import RequestLimits
from api.request_metrics import RequestMetrics
from api.request_traces import RequestTraces
from api.security_headers import SecurityHeaders
from api.single_use import SingleUse
from api.stopping import LastAnswers
from api.tokens import Tokens, token_keys
from api.trusted_proxies import TrustedProxies
from configuration.current import Configuration
from configuration.schema.limits import number
from engine.attachments import Attachments
from engine.client import ConversationClient
from engine.erasure import Erasure
from engine.lost_conversations import LostConversations
from engine.retention import Retention
from realtime.accepted_messages import AcceptedMessages
from realtime.agent_event_feed import AgentEventFeed
from realtime.connections import ConnectionTracker
from realtime.feed_waits import FeedWaits
from realtime.open_sockets import OpenSockets
from realtime.sessions import Sessions
from realtime.transcript_feed import TranscriptFeed
from routing.connection_reports import ConnectionReports
from routing.dispatcher import Dispatcher
from routing.metrics_collector import RoutingMetricsCollector
from routing.monitoring import Monitoring
from routing.queue_positions import QueuePositions
from runtime import tracing
from runtime.archive import opened_archive
from runtime.bus import Bus
from runtime.health import Check, Readiness, answers, is_listening
from runtime.metrics import ApiMetrics, StateCollector
from runtime.metrics_page import MetricsPage
from runtime.periodic import run_in_background
from runtime.probes import probe_routes
from runtime.sdk_metrics import SdkMetrics
from runtime.settings import Settings
from runtime.signed_uploads import SignedUploads
from runtime.version import VERSION
from store.database import Database
from store.receipt_writer import ReceiptWriter
from webhooks.metrics_collector import FeedMetricsCollector
from webhooks.receivers import Receivers

MODULES = (
    chats,
    contacts,
    bots,
    transfers,
    rehydration,
    contact_search,
    participant_timers,
    metrics,
    agent_status,
    agent_statuses,
    users,
    queues,
    current_metrics,
    user_data,
    flows,
    contact_details,
    contact_tree,
    contact_routing,
    contact_segments,
    monitoring,
    streaming,
    connection,
    messages,
    transcript,
    attachments,
    files,
    socket,
    *agent.MODULES,
    public_chats,
    reconnections,
    contact_transcripts,
    feed,
    contact_attachments,
    # before the tables of any kind: `GET /v1/instances/{instance}/{kind}` would match `.../audit`
    customers,
    audit_log,
    webhooks,
    webhook_changes,
    administration,
)
"""The modules with operations, each with a `router`."""

NO_TELEMETRY: TelemetryConfig = {"auto_configure": False, "tracing": False, "metrics": False, "logs": False}
"""FastAPI's own telemetry would send paths, queries and texts of errors, which can hold tokens and names."""


def build_services(
    settings: Settings,
    db: Database,
    bus: Bus,
    configuration: Configuration,
    engine: ConversationClient,
    metrics: ApiMetrics | None = None,
) -> Services:
    """Build the services of the API process.

    Args:
        metrics: where all parts of the process count. None: new ones.
    """
    metrics = metrics or ApiMetrics()
    engine.subscribe_lost(LostConversations(db, configuration, engine).end)
    connection_reports = ConnectionReports(db, bus, engine, grace=settings.agent_disconnect_grace)
    archive = cache(partial(opened_archive, settings))
    erasure = Erasure(db, engine, archive)
    tokens = Tokens(token_keys(settings.token_keys, settings.data_dir))
    key_sets = KeySets()
    return Services(
        settings=settings,
        configuration=configuration,
        db=db,
        engine=engine,
        bus=bus,
        tokens=tokens,
        keys=CurrentKeys(settings, tokens),
        key_sets=key_sets,
        foreign_tokens=ForeignTokens(key_sets),
        client_tokens=ClientTokens(db),
        single_use=SingleUse(db),
        limits=RequestLimits(settings.limits, metrics),
        sessions=Sessions(db, bus, engine, metrics),
        transcripts=TranscriptFeed(db, bus, metrics),
        agent_events=AgentEventFeed(db, bus),
        feed_waits=FeedWaits(bus),
        receivers=Receivers(hosts=settings.webhook_hosts, loopback=settings.webhook_loopback),
        connection_reports=connection_reports,
        monitoring=Monitoring(db, bus, engine, configuration, grace=settings.agent_disconnect_grace),
        connections=ConnectionTracker(
            db, connection_reports, debounce=settings.presence_debounce, lease=settings.presence_lease
        ),
        accepted_messages=AcceptedMessages(db, bus, settings.unrecorded_messages, metrics),
        receipts=ReceiptWriter(db),
        dispatcher=Dispatcher(db, bus, engine, configuration, metrics),
        queue_positions=QueuePositions(db, engine, configuration, every=settings.positions_every),
        readiness=Readiness(),
        metrics=metrics,
        open_sockets=OpenSockets(number(settings.limits.sockets)),
        erasure=erasure,
        attachments=Attachments(
            db,
            engine,
            configuration,
            archive,
            are_checked=settings.attachment_scanner is not None,
            every=settings.retention_every,
            signed_uploads=SignedUploads(settings) if settings.attachment_uploads == "s3" else None,
        ),
        retention=Retention(
            db,
            configuration,
            erasure,
            audit=settings.audit_retention,
            events=settings.event_retention,
            every=settings.retention_every,
        ),
        stopping=Event(),
    )


def create_app(
    services: Services, temporal_ui: str | None = None, sdk: SdkMetrics | None = None, *, has_demo: bool = False
) -> FastAPI:
    """Build the application. Its lifespan starts and stops the services with background work.

    Args:
        services: the services of the process.
        temporal_ui: base URL of the Temporal UI, for the start page; None when this process does not know it.
        sdk: the metrics of the SDK, for the page of the metrics; None without them.
        has_demo: whether anybody on this machine may sign in as an agent.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        async with run_in_background(*services.background):
            services.readiness.started(_checks(services), services.loops)
            yield
        await services.receivers.close()

    app = FastAPI(
        title="Perennial",
        version=VERSION,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        telemetry=NO_TELEMETRY,
    )
    app.state.services = services
    app.add_middleware(EncodedSlashes)
    app.add_middleware(
        DirectRoutes,
        services,
        (messages.router, transcript.router, connection.router),
        {messages.SEND_MESSAGE: services.accepted_messages.require_short_wait},
    )
    app.add_middleware(MessagesInOrder, messages.SEND_MESSAGE)
    app.add_middleware(errors.UnexpectedErrorMiddleware)
    app.add_middleware(HeadRequests)
    app.add_middleware(Origins, services.settings)
    app.add_middleware(Codec, services.settings)
    app.add_middleware(KnownHosts, services.settings)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(request_ids.RequestIds)
    app.add_middleware(RequestMetrics, services.metrics)
    if tracing.is_on():
        app.add_middleware(RequestTraces)
    app.add_middleware(TrustedProxies, services.settings.trusted_proxies)
    app.add_middleware(LastAnswers, services)
    errors.install(app)
    for module in MODULES:
        app.include_router(module.router)
    if has_demo:
        app.include_router(demo.demo_router(temporal_ui))
    app.router.routes += [*probe_routes(services.readiness), _metrics_page(services, sdk).route]
    app.router.routes += page_routes(services)
    browser_pages.install(app, temporal_ui)
    return app


def _metrics_page(services: Services, sdk: SdkMetrics | None) -> MetricsPage:
    registry, figures = services.metrics.registry, RoutingMetricsCollector(services.db, services.configuration)
    feed = FeedMetricsCollector(services.db, services.configuration)
    registry.register(figures)
    registry.register(feed)
    registry.register(StateCollector(services.readiness))
    return MetricsPage(registry, (services.readiness.problems, figures.look, feed.look), sdk)


def _checks(services: Services) -> dict[str, Check]:
    return {
        "store": answers(services.db.answer),
        "engine": answers(services.engine.check_connection),
        "bus": is_listening(services.bus),
    }
