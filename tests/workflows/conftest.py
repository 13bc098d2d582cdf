"""The fixtures of the workflow tests: a real Temporal server with time skipping, and a store."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from store.database import Database
from store.migrate import open_store
from tests import postgres, sqlite
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
async def engine(environment: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    """The Temporal server with a new store."""
    backend = os.environ.get(BACKEND_VARIABLE, "sqlite")
    async with new_store(backend, tmp_path_factory.mktemp("store")) as db:
        yield Engine(environment.client, db)


@asynccontextmanager
async def new_store(backend: str, folder: Path) -> AsyncGenerator[Database]:
    """Provide a migrated store without rows. SQLite keeps it in `folder`."""
    if backend == "sqlite":
        async with sqlite.store(folder) as db:
            yield db
        return
    assert backend == "postgresql", f"{BACKEND_VARIABLE} must be sqlite or postgresql"
    with postgres.server() as server:
        async with postgres.database(server) as url, open_store(url, pool_size=10, durable=False) as db:
            yield db


@pytest.fixture
def quick_webhooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers try a webhook again at once, and its workflow waits for operators only."""
    monkeypatch.setattr(sender, "PAUSES", (0.01, 0.02))
    monkeypatch.setattr(sender, "LOOK_EVERY", timedelta(seconds=0.1))
    monkeypatch.setattr(webhook, "SCHEDULE", (timedelta(days=1), timedelta(days=1)))
