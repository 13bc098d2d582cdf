"""A real Temporal server with time skipping, and a store, for the suites of the workflow."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

from runtime.devserver import server_options, temporal_binary
from store.database import Database
from store.migrate import migrate
from tests.workflows.engine import Engine
from workflows.search import KEYS


@pytest.fixture(scope="session")
async def environment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkflowEnvironment]:
    """A server on which each conversation has a clock of its own, which only moves ahead when told to."""
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        ts_config=TimeSkippingConfig(enabled=False),
        dev_server_existing_path=temporal_binary(),
        dev_server_database_filename=str(tmp_path_factory.mktemp("temporal") / "temporal.db"),
        dev_server_extra_args=[
            *server_options(durable=False),
            *("--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"),
        ],
        data_converter=pydantic_data_converter,
        search_attributes=KEYS,
        identity="test",
    )
    async with environment:
        yield environment


@pytest.fixture(scope="session")
async def engine(
    environment: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Engine]:
    """The server with an empty store."""
    db = Database.open(f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.db'}")
    await migrate(db)
    yield Engine(environment.client, db)
    await db.close()
