"""The fixtures of the workflow tests: a real Temporal server with time skipping, and a store."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from store.database import Database
from store.migrate import open_store
from tests.fresh_stores import Fresh, postgresql_databases, sqlite_files
from tests.workflows.engine import Engine
from tests.workflows.server import time_skipping_server
from webhooks import sender
from workflows import webhook


@pytest.fixture(scope="session")
async def environment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal server with time skipping."""
    async with time_skipping_server(tmp_path_factory.mktemp("temporal")) as environment:
        yield environment


BACKEND_VARIABLE = "PERENNIAL_TEST_ENGINE_STORE"
"""The store of the whole suite: `sqlite` (default) or `postgresql`."""


@pytest.fixture(scope="session")
async def engine(
    environment: WorkflowEnvironment, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Engine]:
    """The Temporal server with a new store of the kind that the environment names."""
    kind = os.environ.get(BACKEND_VARIABLE, "sqlite")
    assert kind in ("sqlite", "postgresql"), f"{BACKEND_VARIABLE} must be sqlite or postgresql"
    if kind == "sqlite":
        fresh = sqlite_files(tmp_path_factory.mktemp("store"))
    else:
        fresh = postgresql_databases(request.getfixturevalue("postgresql_server"))
    async with new_store(fresh) as db:
        yield Engine(environment.client, db)


@asynccontextmanager
async def new_store(fresh: Fresh) -> AsyncGenerator[Database]:
    """Provide a migrated store without rows."""
    async with fresh() as url, open_store(url, pool_size=10, durable=False) as db:
        yield db


@pytest.fixture
def quick_webhooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers try a webhook again at once, and its workflow waits for operators only."""
    monkeypatch.setattr(sender, "PAUSES", (0.01, 0.02))
    monkeypatch.setattr(sender, "LOOK_EVERY", timedelta(seconds=0.1))
    monkeypatch.setattr(webhook, "SCHEDULE", (timedelta(days=1), timedelta(days=1)))
