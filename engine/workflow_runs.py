"""The runs of a conversation that has ended: whether one still runs, and their removal from Temporal before its retention."""

from __future__ import annotations

from datetime import timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import ConversationEnded, EngineUnavailable
from engine.calls import domain_error_of

_NOT_ALLOWED = {RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.UNAUTHENTICATED}


async def is_running(client: Client, conversation_id: str, limit: timedelta) -> bool:
    """Whether the workflow of a conversation runs.

    Raises:
        EngineUnavailable: the call to Temporal fails.
    """
    try:
        found = await client.get_workflow_handle(conversation_id).describe(rpc_timeout=limit)
    except RPCError as error:
        if isinstance(domain_error_of(error), ConversationEnded):
            return False
        raise EngineUnavailable from error
    return found.status is WorkflowExecutionStatus.RUNNING


async def delete_runs(client: Client, conversation_id: str, limit: timedelta) -> int | None:
    """Have Temporal delete all runs of a conversation that has ended. It does so later, in a minute or so for each.

    The list of runs lags some seconds behind, so a run that has just ended may be missed, except the last one.

    Returns:
        How many runs are deleted; None when this client may not delete them, and they stay until the retention of the namespace.

    Raises:
        EngineUnavailable: a call to Temporal fails.
    """
    try:
        listed = client.list_workflows(f"WorkflowId = '{conversation_id}'", rpc_timeout=limit)
        runs = {run.run_id async for run in listed}
        runs |= await _last_run(client, conversation_id, limit)
        for run in runs:
            await _delete(client, conversation_id, run, limit)
    except RPCError as error:
        if error.status in _NOT_ALLOWED:
            return None
        raise EngineUnavailable from error
    return len(runs)


async def _last_run(client: Client, conversation_id: str, limit: timedelta) -> set[str]:
    try:
        return {(await client.get_workflow_handle(conversation_id).describe(rpc_timeout=limit)).run_id}
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return set()
        raise


async def _delete(client: Client, conversation_id: str, run: str, limit: timedelta) -> None:
    execution = WorkflowExecution(workflow_id=conversation_id, run_id=run)
    request = DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=execution)
    try:
        await client.workflow_service.delete_workflow_execution(request, timeout=limit)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
