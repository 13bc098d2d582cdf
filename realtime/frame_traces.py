"""The spans of frames in the traces of the requests whose messages they hold."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from time import time_ns
from typing import NamedTuple

from opentelemetry.context import Context

from runtime.tracing import CONVERSATION, context_of, tracer

REMEMBERED = 2_000
"""How many announced messages are remembered. A frame that comes later has no span."""


class _Announced(NamedTuple):
    conversation_id: str
    context: Context
    at: int


class FrameTraces:
    """The traces of the messages that were announced lately, by their ids."""

    def __init__(self) -> None:
        self._announced: OrderedDict[str, _Announced] = OrderedDict()

    def note(self, conversation_id: str, traces: Iterable[tuple[str, str]]) -> None:
        """Remember the traces of messages that are announced now."""
        for id, traceparent in traces:
            self._announced[id] = _Announced(conversation_id, context_of({"traceparent": traceparent}), time_ns())
        while len(self._announced) > REMEMBERED:
            self._announced.popitem(last=False)

    def of(self, item_id: str) -> Callable[[], None] | None:
        """What to call when a frame with the item is written to a socket; None if its trace is not recorded."""
        announced = self._announced.get(item_id) if self._announced else None
        return partial(_add_span, announced) if announced else None


def _add_span(announced: _Announced) -> None:
    """Add a span from the announcement until now."""
    attributes = {CONVERSATION: announced.conversation_id}
    tracer().start_span("frame", announced.context, attributes=attributes, start_time=announced.at).end()
