"""The worker process: `python -m worker`. Runs conversations and their activities against a Temporal server.

`python -m worker register` only registers the search attributes, for clusters where workers may not do so.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from activities.attachment_scans import AttachmentScanner
from activities.commit_traces import CommitTraces
from activities.opening_hours import OpeningHoursReader
from activities.recording import Recorder
from activities.transcript_files import TranscriptArchiver
from api.current_keys import CurrentKeys
from api.reconnect_links import ReconnectLinks
from api.tokens import Tokens, token_keys
from bootstrap import opened_resources
from configuration.current import Configuration
from engine.unreached_customers import UnreachedCustomers
from runtime import tracing
from runtime.archive import opened_archive
from runtime.bus import WORKER_RUNS, Bus
from runtime.child_process import PARENT_SOCKET
from runtime.health import Readiness, answers, is_listening
from runtime.metrics import StateCollector, WorkerMetrics
from runtime.metrics_page import MetricsPage
from runtime.periodic import PeriodicTask, PeriodicTasks, run_in_background
from runtime.ports import base_url
from runtime.probes import probe_routes
from runtime.process import ReportedExit, command_line, limit_stop, report_progress, run_process, stop_on_signals
from runtime.sdk_metrics import SdkMetrics
from runtime.settings import Settings
from runtime.socket_bus import SocketBus
from runtime.temporal import ask_for_namespace, connect, register_search_attributes
from runtime.waiting import Patience
from runtime.worker_port import DEFAULT_WORKER_PORT, serve_worker_port
from store.database import Database
from webhooks.configured_endpoints import ConfiguredEndpoints
from webhooks.hand_over import hand_over
from webhooks.receivers import Receivers
from webhooks.sender import WebhookSender
from webhooks.streamed_chats import StreamedChats
from webhooks.transient_items import TransientItems
from webhooks.tries import WebhookTries
from workflows.attachment_check import AttachmentCheck
from workflows.conversation import Conversation
from workflows.details_on_request import DetailsOnRequest
from workflows.payloads import with_unreadable_payloads
from workflows.runner import ConversationRunner
from workflows.search_attributes import KEYS
from workflows.trace_headers import TraceHeaders
from workflows.webhook import Webhook

WORKER_EXIT = "the worker to finish its activities (store, archive)"
"""What the exit of the worker waits for."""

logger = logging.getLogger(__name__)

MAX_TASKS = 40
"""How many workflow tasks run at the same time. They share one core. With the SDK's 100, a worker that takes over many
conversations takes so long for each that the SDK takes some for deadlocks, and repeats them."""


@asynccontextmanager
async def build_worker(
    client: Client,
    settings: Settings,
    db: Database,
    bus: Bus,
    configuration: Configuration,
    metrics: WorkerMetrics | None = None,
    on_loops: Callable[[Iterable[PeriodicTask]], None] = lambda loops: None,
) -> AsyncGenerator[Worker]:
    """Run the worker with its workflow and activities for the time of the block. At its end all writes have ended.

    Args:
        metrics: where the activities count. None: nowhere.
        on_loops: gets the periodic tasks before they start.

    Raises:
        StartupError: the transcript archive cannot be used.
    """
    config = client.config()
    config["data_converter"] = with_unreadable_payloads(client.data_converter)
    client = Client(**config)
    recorder, hours_reader = Recorder(db, bus, configuration, metrics), OpeningHoursReader(configuration)
    archive = opened_archive(settings)
    archiver, scanner = (
        TranscriptArchiver(db, archive, metrics),
        AttachmentScanner(archive, settings.attachment_scanner),
    )
    receivers = Receivers(hosts=settings.webhook_hosts, loopback=settings.webhook_loopback)
    tries = WebhookTries(db, configuration, receivers)
    chats = StreamedChats(db)
    endpoints = ConfiguredEndpoints(db, configuration, chats)
    hands_over = partial(hand_over, client, settings.temporal_task_queue)
    sender = WebhookSender(db, bus, endpoints, chats, receivers, hands_over, metrics)
    transient = TransientItems(db, bus, endpoints, chats, receivers, sender.take)
    background = [sender, *_watch(settings, db, configuration)]
    on_loops(loop for part in background for loop in part.loops)
    worker = Worker(
        client,
        task_queue=settings.temporal_task_queue,
        workflows=[Conversation, AttachmentCheck, Webhook],
        workflow_runner=ConversationRunner(),
        interceptors=[DetailsOnRequest(), *([TraceHeaders(), CommitTraces()] if tracing.is_on() else [])],
        activities=[
            *(recorder.record, hours_reader.opening_hours, archiver.archive),
            *(scanner.scan, scanner.discard, tries.try_webhook),
        ],
        max_cached_workflows=settings.cached_conversations,
        max_concurrent_workflow_tasks=MAX_TASKS,
        # a conversation whose worker was killed waits this long before another worker takes it over
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=3),
        graceful_shutdown_timeout=settings.stop_time,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
    )
    try:
        async with worker, run_in_background(transient, *background):
            yield worker
    finally:
        await recorder.finish()
        await receivers.close()


def _watch(settings: Settings, db: Database, configuration: Configuration) -> list[PeriodicTasks]:
    """The watch for customers who are not reached. Without the token keys its events have no links."""
    if not settings.token_keys:
        return [UnreachedCustomers(db, configuration, None)]
    tokens = Tokens(settings.token_keys)
    links = ReconnectLinks(tokens, settings.reconnect_link_life)
    return [CurrentKeys(settings, tokens), UnreachedCustomers(db, configuration, links.make)]


async def run(settings: Settings, parent_socket: int | None = None) -> None:
    """Work until SIGINT or SIGTERM.

    Args:
        settings: the settings of the process.
        parent_socket: the descriptor of the socket to the process that started this one (see `runtime.child_process`). The
            worker ends at once when its parent ends. None: nobody depends on this process.
    """
    stop = stop_on_signals()
    parent_bus = SocketBus()
    if parent_socket is not None:
        # receivers of a first try run on this machine, and the keys are those of the parent
        keys = token_keys(settings.token_keys, settings.data_dir)
        settings = settings.model_copy(update={"webhook_loopback": True, "token_keys": keys})
        await parent_bus.attach(socket.socket(fileno=parent_socket), on_lost=lambda: os._exit(1))
    # a worker of the all-in-one start shares the machine with others, so its port must not be a fixed one
    default_port = DEFAULT_WORKER_PORT if parent_socket is None else 0
    readiness, metrics, sdk = Readiness(), WorkerMetrics(), SdkMetrics()
    metrics.registry.register(StateCollector(readiness))
    page = MetricsPage(metrics.registry, (readiness.problems,), sdk)
    async with serve_worker_port(settings, [*probe_routes(readiness), page.route], default=default_port) as port:
        report_progress(f"The worker answers probes and shows metrics on {base_url(settings.worker_host, port)}")
        async with tracing.sent_traces("perennial-worker"):
            client = await Patience(stop)(partial(connect, settings, sdk=sdk))
            await _work(client, settings, parent_bus, readiness, metrics, stop)


async def _work(
    client: Client,
    settings: Settings,
    parent_bus: SocketBus,
    readiness: Readiness,
    metrics: WorkerMetrics,
    stop: asyncio.Event,
) -> None:
    patience, loops = Patience(stop), list[PeriodicTask]()
    await patience(partial(register_search_attributes, client, KEYS))
    async with (
        run_in_background(parent_bus),
        ReportedExit(opened_resources(settings, parent_bus, patience), "the store to close") as resources,
        ReportedExit(build_worker(client, settings, *resources, metrics, loops.extend), WORKER_EXIT),
    ):
        await parent_bus.announce(WORKER_RUNS)
        host = client.service_client.config.target_host
        logger.info("the worker runs conversations of task queue %s on %s", settings.temporal_task_queue, host)
        db, bus, configuration = resources
        readiness.started(
            {
                "store": answers(db.answer),
                "engine": answers(partial(ask_for_namespace, client, timedelta(seconds=1))),
                "bus": is_listening(bus),
            },
            [*configuration.loops, *loops],
        )
        await stop.wait()
        readiness.stopping()
        limit_stop(settings.stop_time)


async def register(settings: Settings) -> None:
    """Register the search attributes with the cluster, and print their names. Idempotent."""
    client = await connect(settings)
    await register_search_attributes(client, KEYS)
    report_progress(f"The namespace {client.namespace} has {', '.join(key.name for key in KEYS)}.")


def main() -> None:
    """Parse the command line, and work or register."""
    parser = command_line("worker", "Run a worker of Perennial against a Temporal server and a store.")
    parser.add_argument(PARENT_SOCKET, type=int, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    register_help = "only register the search attributes with the cluster"
    commands.add_parser("register", help=register_help, description=register_help.capitalize() + ".")
    arguments = parser.parse_args()
    if arguments.command == "register":
        run_process(register)
    # a child process is silent like its parent, which reports to the person who started it
    log_level = logging.INFO if arguments.parent_socket is None else logging.WARNING
    run_process(partial(run, parent_socket=arguments.parent_socket), log_level=log_level)


if __name__ == "__main__":
    main()
