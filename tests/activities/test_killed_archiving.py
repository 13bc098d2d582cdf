"""A worker is killed while it writes a transcript file."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from store.migrate import open_store
from tests.deployment.test_start_order import say_nothing
from tests.s3 import KEY
from tests.stack import run_process
from tests.workflows.engine import Engine, eventually
from tests.workflows.server import time_skipping_server
from workflows.activity_calls import ARCHIVE_HEARTBEAT


@pytest.mark.chaos
async def test_file_of_a_killed_worker_is_written_by_another_one(tmp_path: Path) -> None:
    """It waits for signs of life of the killed one, and not for the time limit of a file."""
    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    store = f"sqlite:///{tmp_path / 'store.db'}"
    async with time_skipping_server(tmp_path) as environment, open_store(store, pool_size=2, durable=False) as db:
        variables = {
            "TEMPORAL_ADDRESS": environment.client.service_client.config.target_host,
            "PERENNIAL_STORE_URL": store,
            "PERENNIAL_ARCHIVE_URL": "s3://files",
            "PERENNIAL_ARCHIVE_ENDPOINT": f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}",
            **KEY,
        }
        chat = await Engine(environment.client, db).start(archive=True, greeting="Hello")

        async def is_writing() -> bool | None:
            pending = (await chat.handle.describe()).raw_description.pending_activities
            return True if pending and pending[0].HasField("last_heartbeat_time") else None

        with run_process("worker", tmp_path, variables) as process:
            await chat.end(by=f"{chat.id}-customer")
            await eventually(is_writing, "the worker writes the file")
            process.send_signal(signal.SIGKILL)
        silent.close()
        killed = time.monotonic()
        with run_process("worker", tmp_path, {**variables, "PERENNIAL_ARCHIVE_URL": tmp_path.as_uri()}):
            await chat.handle.result()
            assert time.monotonic() - killed < 2 * ARCHIVE_HEARTBEAT.total_seconds()
        assert next(tmp_path.rglob(f"{chat.id}.json"))
