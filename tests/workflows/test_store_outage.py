"""A conversation while the store cannot be written."""

from __future__ import annotations

from temporalio.testing import WorkflowEnvironment

from tests.replay.scenarios import outage
from tests.workflows.engine import Engine


async def test_messages_sent_during_a_store_outage_are_recorded(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker():
        chat = await outage(engine, environment)
    expected = ["participant.joined", "message 0", "message 1", "message 2", "participant.left", "chat.ended"]
    assert await chat.contents() == expected
