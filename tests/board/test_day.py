"""The scripted day of `make day`, on a small scale: in one process, and with others on the same store."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from bench.day import SMALL, simulate_day
from store.database import Database
from tests.board.floor import Floor
from tests.stack import running
from tests.store.conftest import fresh, migrated, url
from tests.workflows.engine import Engine

__all__ = ["fresh", "migrated", "url"]

pytestmark = pytest.mark.chaos

CREW = ("worker", "dispatcher", "dispatcher")


async def test_at_the_end_of_a_day_every_chat_is_accounted_for(engine: Engine) -> None:
    assert await simulate_day(engine, SMALL) == []


@pytest.fixture
async def shared(environment: WorkflowEnvironment, url: str) -> AsyncGenerator[Engine]:
    """The server with a store that other processes open, too."""
    db = Database.open(url)
    yield Engine(environment.client, db)
    await db.close()


async def test_so_it_is_where_several_processes_dispatch_and_work(shared: Engine, url: str, tmp_path: Path) -> None:
    @contextmanager
    def crew(here: Floor) -> Generator[None]:
        told = {
            "TEMPORAL_ADDRESS": shared.client.service_client.config.target_host,
            "PERENNIAL_STORE_URL": url,
            "PERENNIAL_INSTANCES": json.dumps({here.name: here.instance.model_dump(mode="json", exclude_unset=True)}),
            "PERENNIAL_ARCHIVE_URL": "off",
        }
        with ExitStack() as stack:
            for what in CREW:
                stack.enter_context(running("tests.board.dying", tmp_path, {**told, "DIES_AS": what}))
            yield

    assert await simulate_day(shared, SMALL, beside=crew) == []
