"""Traces (OpenTelemetry): whether and where they are sent, and the spans of a request.

OpenTelemetry's own variables configure them. Without an endpoint they are off: no header and no span exists, and its SDK is not
even imported. A span holds ids, kinds and counts. It never holds a message, a name, an attribute of a person, or the text of an
error.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cache

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from runtime.errors import StartupError
from runtime.version import VERSION

CONVERSATION = "perennial.conversation.id"
"""The attribute with the id of the conversation, which is also that of its workflow."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL = "http/protobuf"

FLUSH_SECONDS = 2.0
"""How long the last spans may take at the end of a process."""

_propagator = TraceContextTextMapPropagator()


def is_on() -> bool:
    """Whether the variables name an endpoint for traces, and do not switch them off."""
    switched_off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return (
        any(map(os.environ.get, _ENDPOINTS)) and not switched_off and os.environ.get("OTEL_TRACES_EXPORTER") != "none"
    )


@asynccontextmanager
async def sent_traces(process: str) -> AsyncGenerator[None]:
    """Send the spans of the process for the time of the block, if traces are on. At its end the last ones are sent.

    Args:
        process: the name of the service, unless a variable names it.

    Raises:
        StartupError: the variables ask for another protocol than HTTP with protobuf.
    """
    if not is_on():
        yield
        return
    protocol = next(filter(None, map(os.environ.get, _PROTOCOLS)), _PROTOCOL)
    if protocol != _PROTOCOL:
        raise StartupError(f"traces are sent as {_PROTOCOL} only, but OTEL_EXPORTER_OTLP_PROTOCOL is {protocol}")
    # imported here, because a process without traces needs none of it
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    # it writes a line for each attempt, and another one when it gives up
    logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)
    own = Resource({SERVICE_NAME: process, SERVICE_VERSION: VERSION})
    provider = TracerProvider(resource=Resource.create().merge(own).merge(OTELResourceDetector().detect()))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        await _in_thread_of_its_own(provider.shutdown, FLUSH_SECONDS)


@cache
def tracer() -> Tracer:
    """What makes spans. Without `sent_traces` the spans are empty and cost next to nothing."""
    return trace.get_tracer("perennial", VERSION)


@contextmanager
def span(name: str, conversation_id: str) -> Generator[Span]:
    """A span of a call that a request makes, for the time of the block. It is empty outside of a request whose trace is recorded.

    Args:
        name: what is called.
        conversation_id: the conversation to which the call goes. The span of the request gets it, too.
    """
    request = trace.get_current_span()
    if not request.is_recording():
        yield trace.INVALID_SPAN
        return
    request.set_attribute(CONVERSATION, conversation_id)
    call = tracer().start_span(name, kind=SpanKind.CLIENT, attributes={CONVERSATION: conversation_id})
    with trace.use_span(call, record_exception=False, set_status_on_exception=False), ended(call):
        yield call


@contextmanager
def ended(*spans: Span) -> Generator[None]:
    """End spans with the block. An error is noted by its type alone, because its text may quote values."""
    try:
        yield
    except BaseException as error:
        for each in spans:
            each.set_status(Status(StatusCode.ERROR, type(error).__name__))
        raise
    finally:
        for each in spans:
            each.end()


def traceparent_of(recorded: Span) -> str | None:
    """The context of a span as text (W3C `traceparent`); None if its trace is not recorded."""
    if not recorded.is_recording():
        return None
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, trace.set_span_in_context(recorded))
    return carrier["traceparent"]


def context_of(carrier: Mapping[str, str]) -> Context:
    """The context that the headers of a caller name (`traceparent`, `tracestate`). Empty without any, or if they are wrong."""
    return _propagator.extract(carrier, Context())


async def _in_thread_of_its_own(call: Callable[[], object], seconds: float) -> None:
    """Make a call that may block, and wait for it no longer than `seconds`. The process does not wait for the thread."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def run() -> None:
        call()
        loop.call_soon_threadsafe(done.set)

    threading.Thread(target=run, daemon=True).start()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await done.wait()
