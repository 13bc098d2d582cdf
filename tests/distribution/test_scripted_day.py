"""The scripted day of `make day` on a small scale: in one process, and with several processes on one store."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from bench.day import SMALL, simulate_day
from store.database import Database
from tests.distribution.contact_centre import ContactCentre
from tests.stack import run_process
from tests.store.conftest import url
from tests.workflows.engine import Engine

__all__ = ["url"]

pytestmark = [pytest.mark.chaos, pytest.mark.alone]

ROLES = ("worker", "dispatcher", "dispatcher")


async def test_every_chat_is_accounted_for_after_the_scripted_day(engine: Engine) -> None:
    assert await simulate_day(engine, SMALL) == []


@pytest.fixture
async def shared_engine(environment: WorkflowEnvironment, url: str) -> AsyncGenerator[Engine]:
    """The Temporal server with a store that other processes can open."""
    db = Database.open(url)
    yield Engine(environment.client, db)
    await db.close()


async def test_every_chat_is_accounted_for_with_several_processes(
    shared_engine: Engine, url: str, tmp_path: Path
) -> None:
    @contextmanager
    def run_processes(centre: ContactCentre) -> Generator[None]:
        environment_variables = {
            "TEMPORAL_ADDRESS": shared_engine.client.service_client.config.target_host,
            "PERENNIAL_STORE_URL": url,
            "PERENNIAL_INSTANCES": json.dumps(
                {centre.name: centre.instance.model_dump(mode="json", exclude_unset=True)}
            ),
            "PERENNIAL_ARCHIVE_URL": "off",
        }
        with ExitStack() as stack:
            for role in ROLES:
                stack.enter_context(
                    run_process(
                        "tests.distribution.crashing_process", tmp_path, {**environment_variables, "CRASH_ROLE": role}
                    )
                )
            yield

    assert await simulate_day(shared_engine, SMALL, beside=run_processes) == []
