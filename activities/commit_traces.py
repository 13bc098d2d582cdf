"""The spans of a worker in the traces of requests: how long their conversation took to decide, and its write.

The header of an activity names the requests (`workflows.trace_headers`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from runtime.causes import CAUSES, Causes
from runtime.tracing import context_of
from workflows.contract import Commit
from workflows.trace_headers import contexts_in


class CommitTraces(Interceptor):
    """Adds the spans `conversation` and `record` to the traces of the requests whose messages a commit writes."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """See `Interceptor`."""
        return _Inbound(next)


class _Inbound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        commit = input.args[0]
        received = _received(input.headers)
        if not received or not isinstance(commit, Commit):
            return await super().execute_activity(input)
        known = {id: context_of({"traceparent": traceparent}) for id, (traceparent, _) in received.items()}
        contexts = {id: context for id, context in known.items() if context}  # a context by hand can be a wrong one
        begun = {id: instant for id, (_, instant) in received.items()}
        with Causes(commit.conversation_id, contexts).span("conversation", begun=begun) as decided:
            pass
        with decided.span("record", {"perennial.items": len(commit.items)}) as causes:
            CAUSES.set(causes)
            return await super().execute_activity(input)


def _received(headers: Mapping[str, Payload]) -> Mapping[str, tuple[str, int]]:
    return {id: (str(traceparent), int(instant)) for id, (traceparent, instant) in contexts_in(headers).items()}
