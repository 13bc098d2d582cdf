"""The sandbox of the workers restricts what workflow code may do, although it does less than the SDK's."""

from __future__ import annotations

from uuid import uuid4

from temporalio import workflow
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import RestrictedWorkflowAccessError

from tests.workflows.engine import Engine
from workflows.runner import ConversationRunner


@workflow.defn
class Reader:
    """A workflow that reads a file. Its module does not pass through the sandbox."""

    @workflow.run
    async def run(self) -> str:
        try:
            with open(__file__) as file:
                return file.read()
        except RestrictedWorkflowAccessError:
            return "restricted"


async def test_workflow_may_not_read_a_file(engine: Engine) -> None:
    queue = f"reader-{uuid4()}"
    async with Worker(engine.client, task_queue=queue, workflows=[Reader], workflow_runner=ConversationRunner()):
        assert await engine.client.execute_workflow(Reader.run, id=queue, task_queue=queue) == "restricted"
