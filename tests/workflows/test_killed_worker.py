"""The worker is killed with SIGKILL around its writes, while signals arrive. At rest the store and the runs agree.

Each round kills it `KILLS` times during `AT_ONCE` conversations. A kill hits all of them.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.events import Close, End
from store.migrate import open_store
from tests.fresh_stores import Fresh
from tests.stack import run_process
from tests.workflows.engine import Chat, Engine, eventually
from tests.workflows.killed_worker import KILLED, MODULE
from tests.workflows.random_chats import ChatDriver, assert_store_agrees
from tests.workflows.random_steps import Step, all_events
from tests.workflows.test_abandoned_tasks import SEEDS_VARIABLE, assert_record_equals_run
from tests.workflows.test_model_engine import Play, as_json, assert_replay, random_chats

AT_ONCE = 12
KILLS = 15
ENDINGS = 0.005
"""The share of events that end a conversation. A new one begins then."""
PAUSE_SECONDS = 0.3
"""The mean pause between the events of a conversation."""
STEPS = 12
"""After so many steps in a row a conversation comes to rest, so that a slow machine is not left behind for ever."""
REST_SECONDS = 300
"""The limit for coming to rest. Kills go on meanwhile, and a file of a killed worker waits for twenty seconds."""
TASK_TIMEOUT = timedelta(seconds=5)
"""How long Temporal waits for a task whose worker was killed; ten seconds by default."""


@pytest.mark.chaos
@pytest.mark.timeout(1800)
async def test_store_and_run_agree_after_kills_of_the_worker(
    environment: WorkflowEnvironment, fresh: Fresh, tmp_path: Path
) -> None:
    conversations = int(os.environ.get(SEEDS_VARIABLE, str(AT_ONCE)))
    for number in range(max(1, conversations // AT_ONCE)):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with fresh() as url, open_store(url, pool_size=10, durable=False) as db:
            await run_round(environment, Engine(environment.client, db), folder, url, f"round {number}")


async def run_round(environment: WorkflowEnvironment, engine: Engine, folder: Path, url: str, seed: str) -> None:
    """Run conversations while their worker is killed, compare the store with them at rest, and close them."""
    variables = {
        "TEMPORAL_ADDRESS": engine.client.service_client.config.target_host,
        "PERENNIAL_STORE_URL": url,
        "PERENNIAL_ARCHIVE_URL": "off",
        "KILLS": str(KILLS),
        "KILLS_SEED": seed,
    }
    log = folder / f"{MODULE}.log"
    plays, drivers = iter(random_chats(20 * AT_ONCE)), list[ChatDriver]()

    def is_over() -> bool:
        return log.read_text().count(KILLED) == KILLS

    with run_process(MODULE, folder, variables):
        await asyncio.gather(
            *(
                converse(environment, engine, plays, drivers, random.Random(f"{seed}/{writer}"), is_over)
                for writer in range(AT_ONCE)
            )
        )
        present = [driver.chat for driver in drivers if not driver.is_closed]
        await asyncio.gather(*map(wait_until_at_rest, present))
        await asyncio.gather(*map(assert_record_equals_run, present))
        closed = await asyncio.gather(*(driver.finish() for driver in drivers))
    for driver, closed_chat in zip(drivers, closed, strict=True):
        await assert_store_agrees(driver, closed_chat)
    await assert_replay([driver.chat for driver in drivers])


async def converse(
    environment: WorkflowEnvironment,
    engine: Engine,
    plays: Iterator[Play],
    drivers: list[ChatDriver],
    draw: random.Random,
    is_over: Callable[[], bool],
) -> None:
    """Send random events to one conversation, and to the next one when it is closed."""
    while not is_over():
        play = next(plays)
        chat = await engine.start(
            play.mode,
            id=play.id,
            recycle_after=play.recycle_after,
            task_timeout=TASK_TIMEOUT,
            **as_json(play.policy),
        )
        driver = ChatDriver(environment, chat)
        drivers.append(driver)
        events = [event for event in all_events(chat.id) if not isinstance(event, End | Close)]
        endings = [End(by="kim"), Close(by="kim")]
        for number in count(1):
            if driver.is_closed or is_over():
                break
            if number % STEPS == 0:
                await wait_until_at_rest(chat)
            for event in endings if draw.random() < ENDINGS else draw.choices(events, k=draw.choice((1, 1, 2, 5))):
                await driver.run(Step(event, timedelta(0), None, True))
            await asyncio.sleep(draw.uniform(0, 2 * PAUSE_SECONDS))


async def wait_until_at_rest(chat: Chat) -> None:
    """Wait until the conversation has nothing to decide, and waits for no answer, such as the opening hours."""

    async def check() -> bool | None:
        description = (await chat.engine.client.get_workflow_handle(chat.id).describe()).raw_description
        return None if description.HasField("pending_workflow_task") or description.pending_activities else True

    await eventually(check, "the conversation is at rest", seconds=REST_SECONDS)
