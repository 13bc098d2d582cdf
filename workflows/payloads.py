"""How a worker reads payloads: as everywhere with pydantic, but a signal that cannot be read is refused, and not lost.

The SDK drops a signal whose payload is not JSON, or has text that UTF-8 cannot carry (half of a surrogate pair). Nobody but the
log of the worker would know of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter


class Unreadable:
    """Stands for a value that cannot be read."""


class ConversationPayloadConverter(PydanticPayloadConverter):
    """Reads what it cannot read as `Unreadable`, where no type is expected: as the body of a signal or an update."""

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """See `PayloadConverter`."""
        try:
            return super().from_payloads(payloads, type_hints)
        except Exception:
            if type_hints is not None:
                raise
        return [self._value(payload) for payload in payloads]

    def _value(self, payload: Payload) -> Any:
        try:
            [value] = super().from_payloads([payload])
        except Exception:
            return Unreadable()
        return value


def with_unreadable_payloads(converter: DataConverter) -> DataConverter:
    """The data converter of workers and replays: as a client's, with its codec, but it reads what cannot be read as well."""
    return replace(converter, payload_converter_class=ConversationPayloadConverter)


conversation_data_converter = DataConverter(payload_converter_class=ConversationPayloadConverter)
"""The data converter of workers and replays without encryption."""
