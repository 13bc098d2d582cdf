"""The worker process: `python -m worker`. Runs conversations and their activities against a Temporal server.

`python -m worker register` only makes the cluster know the search attributes, for clusters that let no worker do so.
"""

from __future__ import annotations

import sys
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from activities.opening_hours import OpeningHoursReader
from activities.recording import Recorder
from activities.transcript_files import TranscriptArchiver
from configuration.current import Configuration
from parts import opened_parts
from runtime.archive import opened_archive
from runtime.bus import Bus
from runtime.process import run_process, stop_on_signals
from runtime.settings import Settings
from runtime.temporal import connect, register_search_attributes
from store.database import Database
from workflows.conversation import Conversation
from workflows.search import KEYS


def build_worker(client: Client, settings: Settings, db: Database, bus: Bus, configuration: Configuration) -> Worker:
    """The worker with everything it runs.

    Raises:
        StartupProblem: the archive of transcripts cannot be used.
    """
    recorder, doorkeeper = Recorder(db, bus, configuration), OpeningHoursReader(configuration)
    archivist = TranscriptArchiver(db, opened_archive(settings))
    return Worker(
        client,
        task_queue=settings.temporal_task_queue,
        workflows=[Conversation],
        activities=[recorder.record, doorkeeper.opening_hours, archivist.archive],
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
    async with opened_parts(settings) as parts, build_worker(client, settings, *parts):
        await stop.wait()


async def register(settings: Settings) -> None:
    """Makes the cluster know the search attributes, and says so."""
    client = await connect(settings)
    await register_search_attributes(client, KEYS)
    print(f"{client.namespace} knows {', '.join(key.name for key in KEYS)}")  # noqa: T201


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            run_process(run)
        case ["register"]:
            run_process(register)
        case _:
            sys.exit("usage: python -m worker [register]")
