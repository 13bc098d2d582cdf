"""A store that cannot be written for a while."""

from __future__ import annotations

from temporalio.testing import WorkflowEnvironment

from tests.replay.scenarios import outage
from tests.workflows.engine import Engine


async def test_what_came_meanwhile_is_written_once_it_can_be(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.working():
        chat = await outage(engine, environment)
    said = ["participant.joined", "message 0", "message 1", "message 2", "participant.left", "chat.ended"]
    assert await chat.words() == said
