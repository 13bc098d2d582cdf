"""How far Temporal's clock is from that of this machine."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from temporalio.api.enums.v1 import TaskQueueKind, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, PollActivityTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

POLL_SECONDS = 21.0
"""What the poll says that it would wait. Temporal refuses one that waits for less than two seconds, and complains below 20."""

LOOK_SECONDS = 0.1
LOOKS = 30


async def temporal_clock_difference(client: Client) -> timedelta | None:
    """How far Temporal's clock is ahead; None when Temporal does not say. Exact to some hundred milliseconds.

    No call answers with the time. But Temporal notes when a queue was last polled, so this polls one that nobody else uses.
    """
    queue = TaskQueue(name=f"perennial-check-{uuid4()}", kind=TaskQueueKind.TASK_QUEUE_KIND_NORMAL)
    asked = datetime.now(UTC)
    poll = asyncio.create_task(_poll(client, queue))
    try:
        for _ in range(LOOKS):
            described = await client.workflow_service.describe_task_queue(
                DescribeTaskQueueRequest(
                    namespace=client.namespace, task_queue=queue, task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
                )
            )
            if described.pollers:
                return described.pollers[0].last_access_time.ToDatetime(UTC) - asked
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        poll.cancel()
        await asyncio.wait([poll])
    return None


async def _poll(client: Client, queue: TaskQueue) -> None:
    request = PollActivityTaskQueueRequest(namespace=client.namespace, task_queue=queue, identity="perennial check")
    try:
        await client.workflow_service.poll_activity_task_queue(request, timeout=timedelta(seconds=POLL_SECONDS))
    except RPCError:
        return  # nothing came in time, as expected
