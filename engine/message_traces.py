"""Sends the trace contexts of messages along with their signals, in a header (`workflows.trace_headers`).

A signal may hold the messages of several requests, and is sent by none of them. So the contexts are kept by the message's id.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from opentelemetry import trace
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    SignalWorkflowInput,
    StartWorkflowInput,
    WorkflowHandle,
)

from domain.events import Message, Messages
from runtime.tracing import is_on, span, traceparent_of
from workflows.trace_headers import OPENING, header


class MessageTraces(Interceptor):
    """The contexts of the messages that are being sent."""

    def __init__(self) -> None:
        self._contexts: dict[str, str] = {}

    def client(self, client: Client) -> Client:
        """The client that sends the contexts along; the same client when traces are off."""
        if not is_on():
            return client
        config = client.config()
        config["interceptors"] = [*config["interceptors"], self]
        return Client(**config)

    @contextmanager
    def sending(self, conversation_id: str, message: Message) -> Generator[None]:
        """Add a span to the trace of the request, for the time of the block, in which the message is sent."""
        with span("signal message", conversation_id) as sent:
            context = traceparent_of(sent)
            if context is None or message.id is None:
                yield
                return
            self._contexts[message.id] = context
            try:
                yield
            finally:
                self._contexts.pop(message.id, None)

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        """See `Interceptor`."""
        return _Outbound(next, self._contexts)


class _Outbound(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, contexts: dict[str, str]) -> None:
        super().__init__(next)
        self._contexts = contexts

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        if context := traceparent_of(trace.get_current_span()):
            input = replace(input, headers={**input.headers, **header({OPENING: context})})
        return await super().start_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        batch = input.args[0] if input.args else None
        if self._contexts and isinstance(batch, Messages):
            known = {message.id: self._contexts.get(message.id or "") for message in batch.messages}
            contexts = {id: context for id, context in known.items() if id and context}
            input = replace(input, headers={**input.headers, **header(contexts)})
        await super().signal_workflow(input)
