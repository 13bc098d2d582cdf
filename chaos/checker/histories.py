"""The histories of all workflows: which of them ended badly, and which workflow tasks failed."""

from __future__ import annotations

import asyncio

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

AT_ONCE = 10

NORMAL_FAILURES = frozenset(
    {
        # the worker decided without an event that arrived meanwhile, and decides again
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
    }
)
BAD_ENDS = frozenset(
    {
        WorkflowExecutionStatus.FAILED,
        WorkflowExecutionStatus.TERMINATED,
        WorkflowExecutionStatus.TIMED_OUT,
        WorkflowExecutionStatus.CANCELED,
    }
)


async def failures(client: Client) -> list[str]:
    """Workflows that did not end well, and workflow tasks that failed, in every run of every conversation."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def of_run(run: WorkflowExecution) -> list[str]:
        try:
            return await of_history(run)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:  # it was deleted after it was listed
                return []
            raise

    async def of_history(run: WorkflowExecution) -> list[str]:
        found = [f"workflow {run.id} is {run.status.name}"] if run.status and run.status in BAD_ENDS else []
        async with slots:
            history = client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history_events(page_size=1000)
            async for event in history:
                if event.event_type != EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                    continue
                failed = event.workflow_task_failed_event_attributes
                if failed.cause not in NORMAL_FAILURES:
                    cause = WorkflowTaskFailedCause.Name(failed.cause)
                    found.append(f"workflow {run.id}, event {event.event_id}: {cause} {failed.failure.message}")
        return found

    runs = [run async for run in client.list_workflows()]
    return [each for found in await asyncio.gather(*map(of_run, runs)) for each in found]
