"""A fixture for modules whose tests run on both stores."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.workflows.conftest import new_store
from tests.workflows.engine import Engine


@pytest.fixture(name="engine", scope="module", params=["sqlite", "postgresql"])
async def engine_on_each_store(
    request: pytest.FixtureRequest, environment: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Engine]:
    """The Temporal server with a new store. A module that imports this has it as `engine`."""
    async with new_store(request.param, tmp_path_factory.mktemp("store")) as db:
        yield Engine(environment.client, db)
