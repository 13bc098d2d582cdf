"""A dispatching process, or a worker, that kills itself as `kill -9` does, at a step of an assignment.

`python -m tests.board.dying`, which is told by `DIES_AS` what it is and by `DIES_AT` at which step it dies, if at any.
"""

from __future__ import annotations

import os
import signal
from datetime import datetime
from enum import StrEnum
from typing import NoReturn

from temporalio import activity

import worker
from activities.recording import Recorder
from api.board.dispatching import Dispatcher
from api.gateway import Gateway
from bootstrap import opened_resources
from runtime.process import run_process, stop_on_signals
from runtime.settings import Settings
from runtime.temporal import connect
from store.board.values import Offer
from workflows.contract import Commit, Recorded
from workflows.values import Stage


class Step(StrEnum):
    """The steps of an assignment, each as it has just been made."""

    NONE = ""
    OFFERED = "the offer stands in the store"
    TOLD = "the conversation is told"
    NOTED = "that it is told stands in the store"
    ACCEPTED = "the conversation has accepted"
    ACCEPTED_RECORDED = "that it has accepted stands in the store"
    REJECTED = "the conversation has heard that the agent does not take it"
    REJECTED_RECORDED = "that they do not take it stands in the store"


DIES_AT = Step(os.environ.get("DIES_AT", ""))


def die() -> NoReturn:
    """`kill -9`."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("dead")


class DyingGateway(Gateway):
    """Dies once the conversation is told."""

    async def offer(self, conversation_id: str, offer_id: str, *, user: str, name: str, until: datetime) -> None:
        await super().offer(conversation_id, offer_id, user=user, name=name, until=until)
        if DIES_AT is Step.TOLD:
            die()


class DyingDispatcher(Dispatcher):
    """Dies before the conversation is told, or after that was noted."""

    async def tell(self, offer: Offer) -> None:
        if DIES_AT is Step.OFFERED:
            die()
        await super().tell(offer)
        if DIES_AT is Step.NOTED:
            die()


class DyingRecorder(Recorder):
    """Dies before or after it writes what has become of an offer."""

    @activity.defn
    async def record(self, commit: Commit) -> Recorded | None:
        here = commit.facts.placement if commit.facts else None
        accepted = here is not None and here.stage is Stage.WORKING
        rejected = not accepted and commit.facts is not None and bool(commit.facts.offers_over)
        if (accepted and DIES_AT is Step.ACCEPTED) or (rejected and DIES_AT is Step.REJECTED):
            die()
        recorded = await super().record(commit)
        if (accepted and DIES_AT is Step.ACCEPTED_RECORDED) or (rejected and DIES_AT is Step.REJECTED_RECORDED):
            die()
        return recorded


async def work(settings: Settings) -> None:
    """A worker."""
    worker.Recorder = DyingRecorder
    await worker.run(settings)


async def dispatch(settings: Settings) -> None:
    """An API process that serves nobody."""
    stop = stop_on_signals()
    client = await connect(settings)
    async with opened_resources(settings) as (db, bus, configuration):
        dispatcher = DyingDispatcher(db, bus, DyingGateway(client, settings), configuration)
        await dispatcher.start()
        await stop.wait()
        await dispatcher.stop()


if __name__ == "__main__":
    run_process({"worker": work, "dispatcher": dispatch}[os.environ["DIES_AS"]])
