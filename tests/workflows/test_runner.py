"""The sandbox of the workers restricts what workflow code may do, although it does less than the SDK's."""

from __future__ import annotations

from uuid import uuid4

from temporalio.worker import Worker

from tests.workflows.engine import Engine
from tests.workflows.file_reader import FileReader
from workflows.runner import ConversationRunner


async def test_workflow_may_not_read_a_file(engine: Engine) -> None:
    queue = f"reader-{uuid4()}"
    async with Worker(engine.client, task_queue=queue, workflows=[FileReader], workflow_runner=ConversationRunner()):
        assert await engine.client.execute_workflow(FileReader.run, id=queue, task_queue=queue) == "restricted"
