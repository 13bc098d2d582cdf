"""The requests that cause what an activity writes, so that their traces show it.

A commit gathers the messages of several requests. Each request has a trace of its own, in which the spans of the commit appear.
So every trace is whole, and a commit has as many spans of a kind as it has causes whose traces are recorded.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.util.types import AttributeValue

from runtime.tracing import CONVERSATION, ended, traceparent_of, tracer


class Causes:
    """The contexts of the causes, by the ids of their messages."""

    def __init__(self, conversation_id: str = "", contexts: Mapping[str, Context] | None = None) -> None:
        self._conversation_id = conversation_id
        self._contexts = contexts or {}

    @contextmanager
    def span(
        self, name: str, attributes: Mapping[str, AttributeValue] | None = None, begun: Mapping[str, int] | None = None
    ) -> Generator[Causes]:
        """Add a span to the trace of each cause, for the time of the block. Yields the causes of what happens within.

        Args:
            name: the name of the spans.
            attributes: their attributes beside the id of the conversation.
            begun: when they began, by message, in nanoseconds since 1970. None: now.
        """
        if not self._contexts:
            yield self
            return
        spans = {
            id: tracer().start_span(
                name,
                context,
                attributes={CONVERSATION: self._conversation_id, **(attributes or {})},
                start_time=begun[id] if begun else None,
            )
            for id, context in self._contexts.items()
        }
        with ended(*spans.values()):
            yield Causes(
                self._conversation_id, {id: trace.set_span_in_context(each, Context()) for id, each in spans.items()}
            )

    def traceparents(self) -> tuple[tuple[str, str], ...]:
        """The ids of the messages, each with the context of its trace (W3C `traceparent`)."""
        known = ((id, traceparent_of(trace.get_current_span(context))) for id, context in self._contexts.items())
        return tuple((id, traceparent) for id, traceparent in known if traceparent)


NO_CAUSES = Causes()

CAUSES: ContextVar[Causes] = ContextVar("CAUSES", default=NO_CAUSES)
"""The causes of what this activity does. There are none without traces."""
