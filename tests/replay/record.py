"""Record the scenarios that have no history yet: `python -m tests.replay.record`.

Each run gives two files: its history, and its decisions under the current code.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from temporalio.client import WorkflowHandle

from tests import sqlite
from tests.replay.decisions import replay_decisions, write_decisions
from tests.replay.histories import HISTORIES, read_history, recorded, scenario_name
from tests.replay.scenarios import SCENARIOS
from tests.workflows.engine import Chat, Engine
from tests.workflows.server import time_skipping_server
from tests.workflows.test_hours import INSTANCES


async def record() -> None:
    """Run the scenarios that have no history and write the histories of their runs."""
    known = {scenario_name(path) for path in recorded()}
    missing = {name: scenario for name, scenario in SCENARIOS.items() if name not in known}
    if not missing:
        sys.stdout.write("every scenario is recorded\n")
        return
    HISTORIES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        async with time_skipping_server(Path(folder)) as environment, sqlite.store(Path(folder)) as db:
            engine = Engine(environment.client, db)
            for name, scenario in missing.items():
                async with engine.worker(instances=INSTANCES):
                    chat = await scenario(engine, environment)
                await _write(name, engine, chat)


async def _write(name: str, engine: Engine, chat: Chat) -> None:
    for number, run in enumerate(await _runs(engine, chat), start=1):
        history = await run.fetch_history()
        path = HISTORIES / f"{name}-{number}.json"
        path.write_text(json.dumps(json.loads(history.to_json()), indent=1) + "\n")
        write_decisions(path, await replay_decisions(read_history(path)))
        sys.stdout.write(f"recorded {name}-{number}\n")


async def _runs(engine: Engine, chat: Chat) -> list[WorkflowHandle[object, object]]:
    await chat.runs()
    found = [run async for run in engine.client.list_workflows(f"WorkflowId = '{chat.id}'")]
    found.sort(key=lambda run: run.start_time)
    return [engine.client.get_workflow_handle(chat.id, run_id=run.run_id) for run in found]


if __name__ == "__main__":
    asyncio.run(record())
