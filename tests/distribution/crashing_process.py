"""A dispatcher or a worker that kills itself with SIGKILL at a step of an assignment.

Start it with `python -m tests.distribution.crashing_process`. `CRASH_ROLE` is `dispatcher` or `worker`.
`CRASH_STEP` is the step of the crash; without it the process does not crash.
"""

from __future__ import annotations

import os
import signal
from enum import StrEnum
from typing import NoReturn

from temporalio import activity

import worker
from activities.recording import Recorder
from bootstrap import opened_resources
from domain.events import AnyEvent
from domain.routing import Offer, RoutingStage
from engine.client import ConversationClient
from routing.dispatcher import Dispatcher
from runtime.process import report_progress, run_process, stop_on_signals
from runtime.settings import Settings
from runtime.temporal import connect
from workflows.contract import Commit, CommitResult


class Step(StrEnum):
    """The steps of an assignment. The process crashes right after the step."""

    NONE = ""
    OFFER_STORED = "the store has the offer"
    OFFER_SIGNALLED = "the conversation has the offer"
    OFFER_MARKED = "the store knows that the conversation has the offer"
    ACCEPTANCE_DECIDED = "the conversation has accepted the offer"
    ACCEPTANCE_STORED = "the store has the acceptance"
    REJECTION_DECIDED = "the conversation has taken the rejection"
    REJECTION_STORED = "the store has the rejection"


DISPATCHER_RUNS = "the dispatcher runs"
"""The line that a dispatcher writes to its log after its start."""

CRASH_STEP = Step(os.environ.get("CRASH_STEP", ""))


def kill_this_process() -> NoReturn:
    """Send SIGKILL to this process."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("the process survived SIGKILL")


class CrashingClient(ConversationClient):
    """Crashes after it has signalled an offer to the conversation."""

    async def signal(self, conversation_id: str, event: AnyEvent) -> None:
        await super().signal(conversation_id, event)
        if CRASH_STEP is Step.OFFER_SIGNALLED and event.kind == "offer":
            kill_this_process()


class CrashingDispatcher(Dispatcher):
    """Crashes before it signals an offer, or after it has marked the offer as delivered."""

    async def notify_conversation(self, offer: Offer) -> None:
        if CRASH_STEP is Step.OFFER_STORED:
            kill_this_process()
        await super().notify_conversation(offer)
        if CRASH_STEP is Step.OFFER_MARKED:
            kill_this_process()


class CrashingRecorder(Recorder):
    """Crashes before or after it writes the outcome of an offer."""

    @activity.defn
    async def record(self, commit: Commit) -> CommitResult | None:
        placement = commit.snapshot.placement if commit.snapshot else None
        accepted = placement is not None and placement.stage is RoutingStage.WORKING
        rejected = not accepted and commit.snapshot is not None and bool(commit.snapshot.placement.ended_offers)
        if (accepted and CRASH_STEP is Step.ACCEPTANCE_DECIDED) or (rejected and CRASH_STEP is Step.REJECTION_DECIDED):
            kill_this_process()
        recorded = await super().record(commit)
        if (accepted and CRASH_STEP is Step.ACCEPTANCE_STORED) or (rejected and CRASH_STEP is Step.REJECTION_STORED):
            kill_this_process()
        return recorded


async def run_worker(settings: Settings) -> None:
    """Run a worker."""
    worker.Recorder = CrashingRecorder
    await worker.run(settings)


async def run_dispatcher(settings: Settings) -> None:
    """Run the dispatcher of an API process, without its HTTP server."""
    stop = stop_on_signals()
    client = await connect(settings)
    async with opened_resources(settings) as (db, bus, configuration):
        dispatcher = CrashingDispatcher(db, bus, CrashingClient(client, settings), configuration)
        await dispatcher.start()
        report_progress(DISPATCHER_RUNS)
        await stop.wait()
        await dispatcher.stop()


if __name__ == "__main__":
    run_process({"worker": run_worker, "dispatcher": run_dispatcher}[os.environ["CRASH_ROLE"]])
