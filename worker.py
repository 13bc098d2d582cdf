"""The worker process: `python -m worker`. Runs conversations and their activities against a Temporal server."""

from __future__ import annotations

import asyncio
import logging
import sys
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from activities.recording import Recorder
from runtime.bus import Bus, open_bus
from runtime.problems import StartupProblem
from runtime.settings import Settings, load_settings
from runtime.stopping import stop_on_signals
from runtime.temporal import connect, register_search_attributes
from store.database import Database
from store.migrate import migrate
from workflows.conversation import Conversation
from workflows.search import KEYS


def build_worker(client: Client, settings: Settings, db: Database, bus: Bus) -> Worker:
    """The worker with everything it runs."""
    recorder = Recorder(db, bus)
    return Worker(
        client,
        task_queue=settings.temporal_task_queue,
        workflows=[Conversation],
        activities=[recorder.record],
        max_cached_workflows=settings.cached_conversations,
        # after a worker was killed its conversations wait this long before another one takes them over
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=3),
        graceful_shutdown_timeout=timedelta(seconds=30),
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
    )


async def run(settings: Settings) -> None:
    """Runs until the process is told to stop."""
    stop = stop_on_signals()
    client = await connect(settings)
    await register_search_attributes(client, KEYS)
    db = Database.open(settings.store_address, pool_size=settings.store_pool, durable=settings.durability == "power")
    bus = open_bus(settings.store_address)
    try:
        await migrate(db)
        await bus.start()
        async with build_worker(client, settings, db, bus):
            await stop.wait()
    finally:
        await bus.stop()
        await db.close()


def main() -> None:
    """Starts the process."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(run(load_settings()))
    except StartupProblem as problem:
        sys.exit(f"perennial: {problem}")


if __name__ == "__main__":
    main()
