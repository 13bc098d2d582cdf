"""The description of a conversation for operators, made when somebody asks for it.

The Temporal UI asks by a query of the SDK, which answers with what the workflow has set last (`workflow.set_current_details`). To
set it with each message would format it for nobody, and again in each replay.
"""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.worker import HandleQueryInput, Interceptor, WorkflowInboundInterceptor, WorkflowInterceptorClassInput

from workflows.conversation import Conversation


class DetailsOnRequest(Interceptor):
    """Adds the details of the present state to the answer of the query for the metadata of a conversation."""

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        """See `Interceptor`."""
        return _Queries


class _Queries(WorkflowInboundInterceptor):
    async def handle_query(self, input: HandleQueryInput) -> Any:
        answer = await super().handle_query(input)
        conversation = workflow.instance()
        if isinstance(answer, WorkflowMetadata) and isinstance(conversation, Conversation):
            answer.current_details = conversation.details()
        return answer
