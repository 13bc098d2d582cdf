"""A worker that kills itself with SIGKILL again and again, and is started again each time.

Start it with `python -m tests.workflows.killed_worker`. `KILLS` is how often it is killed, and `KILLS_SEED` decides when. After
the last kill it runs until it is stopped. This process loads the product once and forks for each life: a start costs little.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import sys
from enum import StrEnum
from functools import partial
from types import FrameType
from typing import ClassVar, NamedTuple

from temporalio import activity

import worker
from activities.recording import Recorder
from runtime.process import report_progress, run_process
from store.conversations import Written
from workflows.contract import Commit, CommitResult

MODULE = "tests.workflows.killed_worker"
KILLED = "the worker was killed"
"""The beginning of the line that is written for each kill."""

MOST_COMMITS = 12
"""A life ends at one of its first commits."""


class Moment(StrEnum):
    """When a life ends, seen from one of its commits."""

    BEFORE = "before the write"
    WRITTEN = "after the write, before it is announced"
    ANNOUNCED = "before the activity answers"
    ANSWERED = "soon after the activity has answered"


class Life(NamedTuple):
    """When a worker kills itself.

    Attributes:
        moment: seen from the commit.
        commit: how many commits this life has begun by then.
        delay: how long after the answer, in seconds.
    """

    moment: Moment
    commit: int
    delay: float


def life(seed: str, number: int) -> Life:
    """The life with a number."""
    draw = random.Random(f"{seed}/{number}")
    return Life(draw.choice(list(Moment)), draw.randint(1, MOST_COMMITS), draw.uniform(0, 0.02))


class KilledRecorder(Recorder):
    """Kills its process at a moment of a commit."""

    present: ClassVar[Life | None] = None
    """The life of this process; None if it is not killed."""
    _begun = 0

    @activity.defn
    async def record(self, commit: Commit) -> CommitResult | None:
        self._begun += 1
        if self._ends(Moment.BEFORE):
            _kill_this_process()
        result = await super().record(commit)
        if self._ends(Moment.ANNOUNCED):
            _kill_this_process()
        if self.present and self._ends(Moment.ANSWERED):
            asyncio.get_running_loop().call_later(self.present.delay, _kill_this_process)
        return result

    async def _announce(self, commit: Commit, written: Written) -> None:
        if self._ends(Moment.WRITTEN):
            _kill_this_process()
        await super()._announce(commit, written)

    def _ends(self, moment: Moment) -> bool:
        return self.present is not None and self.present.moment is moment and self._begun >= self.present.commit


def _kill_this_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def live_and_die(kills: int, seed: str) -> int:
    """Run one worker after the other, all but the last until it is killed. Return the exit code of the last one."""
    child = 0

    def stop(number: int, _: FrameType | None) -> None:
        if child:
            os.kill(child, number)

    worker.Recorder = KilledRecorder
    here, there = socket.socketpair()  # a worker ends when the other end is closed, so none outlives this process
    for number in range(kills + 1):
        present = life(seed, number) if number < kills else None
        child = os.fork()
        if child == 0:
            here.close()
            KilledRecorder.present = present
            run_process(partial(worker.run, parent_socket=os.dup(there.fileno())))
        signal.signal(signal.SIGTERM, stop)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if present is None or code != -signal.SIGKILL:
            return code
        report_progress(f"{KILLED} {present.moment} of its commit {present.commit} or a later one")
    raise AssertionError("the last life has ended before")


if __name__ == "__main__":
    sys.exit(live_and_die(int(os.environ["KILLS"]), os.environ["KILLS_SEED"]))
