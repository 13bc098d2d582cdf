"""The fixtures of the workflow tests: a real Temporal server with time skipping, and a store."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from tests import sqlite
from tests.workflows.engine import Engine
from tests.workflows.server import time_skipping_server


@pytest.fixture(scope="session")
async def environment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal server with time skipping."""
    async with time_skipping_server(tmp_path_factory.mktemp("temporal")) as environment:
        yield environment


@pytest.fixture(scope="session")
async def engine(environment: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    """The Temporal server with a new store."""
    async with sqlite.store(tmp_path_factory.mktemp("store")) as db:
        yield Engine(environment.client, db)
