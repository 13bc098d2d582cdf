"""The floors: the smallest workflows that do a part of the product's work on the same Temporal server.

- `Counter` (F1) counts signals. It has no activity and no timer.
- `BatchedRows` (F2) counts signals and writes them as rows, all that wait in one transaction.
- `SampleChat` (R1) is the style of the public samples: one activity for each message, and a timer that each message sets again.

`python -m bench.speed.floor ADDRESS DATABASE` runs their worker.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, Worker

TASK_QUEUE = "floor"
IDLE = timedelta(minutes=3)
WRITE_LIMIT = timedelta(seconds=30)


class Rows:
    """The activity of the floors: writes messages to a SQLite table."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute("CREATE TABLE IF NOT EXISTS messages (chat TEXT, seq INTEGER, text TEXT)")

    @activity.defn(name="write_rows")
    async def write_rows(self, chat: str, first: int, texts: list[str]) -> None:
        """Write the messages of one chat in one transaction."""
        self._connection.execute("BEGIN IMMEDIATE")
        rows = [(chat, first + offset, text) for offset, text in enumerate(texts)]
        self._connection.executemany("INSERT INTO messages VALUES (?, ?, ?)", rows)
        self._connection.execute("COMMIT")


class _Inbox:
    def __init__(self) -> None:
        self.waiting: list[str] = []
        self.count = 0

    @workflow.signal
    def message(self, text: str) -> None:
        """Receive one message."""
        self.waiting.append(text)

    def take(self) -> list[str]:
        """Take the waiting messages out of the inbox, and count them."""
        taken, self.waiting = self.waiting, []
        self.count += len(taken)
        return taken


@workflow.defn
class Counter(_Inbox):
    """F1: counts messages until it has `expected`."""

    @workflow.run
    async def run(self, expected: int) -> int:
        """Return the count."""
        while self.count < expected:
            await workflow.wait_condition(lambda: bool(self.waiting))
            self.take()
        return self.count


@workflow.defn
class BatchedRows(_Inbox):
    """F2: writes the messages that wait, by one local activity."""

    @workflow.run
    async def run(self, expected: int) -> int:
        """Return the count."""
        while self.count < expected:
            await workflow.wait_condition(lambda: bool(self.waiting))
            first = self.count
            await workflow.execute_local_activity(
                "write_rows",
                args=[workflow.info().workflow_id, first, self.take()],
                schedule_to_close_timeout=WRITE_LIMIT,
            )
        return self.count


@workflow.defn
class SampleChat(_Inbox):
    """R1: one activity for each message, and an idle timer that each message sets again."""

    @workflow.run
    async def run(self, expected: int) -> int:
        """Return the count."""
        while self.count < expected:
            await workflow.wait_condition(lambda: bool(self.waiting), timeout=IDLE)
            first = self.count
            for offset, text in enumerate(self.take()):
                await workflow.execute_activity(
                    "write_rows",
                    args=[workflow.info().workflow_id, first + offset, [text]],
                    start_to_close_timeout=WRITE_LIMIT,
                )
        return self.count


WORKFLOWS = {"F1": Counter, "F2": BatchedRows, "R1": SampleChat}


async def work(address: str, database: str) -> None:
    """Run the worker until the process is killed."""
    client = await Client.connect(address)
    async with Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=list(WORKFLOWS.values()),
        activities=[Rows(database).write_rows],
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
    ):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
