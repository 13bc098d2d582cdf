"""The bodies of requests to a codec of Temporal: its UI and its command send payloads as JSON, and get them back converted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from google.protobuf.json_format import MessageToJson, Parse, ParseError
from temporalio.api.common.v1 import Payload, Payloads

Convert = Callable[[Sequence[Payload]], Awaitable[Sequence[Payload]]]


async def convert_body(body: bytes, convert: Convert) -> str:
    """Convert the payloads in a JSON body `{"payloads": [...]}`. Returns the same as a JSON text.

    Raises:
        ValueError: the body has no payloads.
    """
    try:
        sent = Parse(body, Payloads())
    except (ParseError, UnicodeDecodeError, RecursionError):
        raise ValueError("the body must be JSON with `payloads`") from None
    return MessageToJson(Payloads(payloads=await convert(sent.payloads)), indent=None)
