"""A fixture for modules whose tests run on both stores."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.fresh_stores import Fresh
from tests.workflows.conftest import new_store
from tests.workflows.engine import Engine


@pytest.fixture(name="engine", scope="module")
async def engine_on_each_store(environment: WorkflowEnvironment, fresh: Fresh) -> AsyncGenerator[Engine]:
    """The Temporal server with a new store. A module that imports this has it as `engine`."""
    async with new_store(fresh) as db:
        yield Engine(environment.client, db)
