"""Passes the trace contexts of messages through a conversation: from the headers of their signals to the headers of their writes.

The contexts travel in headers alone: no stored payload has them, and a history without them replays with this interceptor, as one
with them replays without it. A conversation itself makes no spans, because it is replayed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NoReturn, TypeVar

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.worker import (
    ContinueAsNewInput,
    ExecuteWorkflowInput,
    HandleSignalInput,
    Interceptor,
    StartActivityInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from workflows.contract import Commit

HEADER = "perennial-traces"
"""On a start or a signal it is a JSON object: the trace context (W3C `traceparent`) by the id of the message. On a write each
value is a list: the context, and the instant at which the conversation took the message, in nanoseconds since 1970."""

OPENING = ""
"""Stands for the start of a conversation in place of a message."""

MAX_WAITING = 500
"""How many contexts wait for the write of their message. The oldest are dropped: their message was a repeat, or was refused."""

TRACEPARENT_LENGTH = 55

_Headers = Mapping[str, Payload]
_Start = TypeVar("_Start", StartActivityInput, StartLocalActivityInput)
_Received = tuple[str, int]


def header(contexts: Mapping[str, Any]) -> _Headers:
    """The header with contexts; no header without any."""
    if not contexts:
        return {}
    text = json.dumps(contexts, separators=(",", ":"))
    return {HEADER: Payload(metadata={"encoding": b"json/plain"}, data=text.encode())}


def contexts_in(headers: _Headers) -> Mapping[str, Any]:
    """What `header` has written; empty without it, and if somebody else has written it by hand."""
    if HEADER not in headers:
        return {}
    try:
        found = json.loads(headers[HEADER].data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class TraceHeaders(Interceptor):
    """Passes the contexts through the conversations of a worker."""

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        """See `Interceptor`."""
        return _Inbound


class _Contexts:
    """The contexts of the messages that one run has received."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Received] = {}
        self._latest: dict[str, _Received] = {}
        """Those of the latest write, which may be repeated."""

    def receive(self, headers: _Headers) -> None:
        for id, traceparent in contexts_in(headers).items():
            if isinstance(traceparent, str) and len(traceparent) == TRACEPARENT_LENGTH:
                self._waiting[id] = traceparent, workflow.time_ns()
        while len(self._waiting) > MAX_WAITING:
            del self._waiting[next(iter(self._waiting))]

    def of(self, commit: Commit) -> Mapping[str, _Received]:
        ids = [item.id for item in commit.items]
        if commit.opening:
            ids.append(OPENING)
        known = {**self._latest, **self._waiting} if self._waiting else self._latest
        found = {id: known[id] for id in ids if id in known}
        if found:
            self._latest = found
            for id in found:
                self._waiting.pop(id, None)
        return found

    def carried(self) -> Mapping[str, str]:
        return {id: traceparent for id, (traceparent, _) in self._waiting.items()}


class _Inbound(WorkflowInboundInterceptor):
    def __init__(self, next: WorkflowInboundInterceptor) -> None:
        super().__init__(next)
        self._contexts = _Contexts()

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound, self._contexts))

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        self._contexts.receive(input.headers)
        return await super().execute_workflow(input)

    async def handle_signal(self, input: HandleSignalInput) -> None:
        self._contexts.receive(input.headers)
        await super().handle_signal(input)


class _Outbound(WorkflowOutboundInterceptor):
    def __init__(self, next: WorkflowOutboundInterceptor, contexts: _Contexts) -> None:
        super().__init__(next)
        self._contexts = contexts

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        return super().start_activity(self._with_contexts(input))

    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:
        return super().start_local_activity(self._with_contexts(input))

    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:
        super().continue_as_new(replace(input, headers={**input.headers, **header(self._contexts.carried())}))

    def _with_contexts(self, input: _Start) -> _Start:
        commit = input.args[0]
        if not isinstance(commit, Commit) or not (found := self._contexts.of(commit)):
            return input
        return replace(input, headers={**input.headers, **header(found)})
