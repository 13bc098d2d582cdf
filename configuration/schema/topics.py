"""Topics: where the items of streamed chats are sent."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from configuration.schema.sections import Number
from configuration.schema.webhooks import ReceiverSettings, Secrets

MAX_TOPIC = 350
"""Longest ARN of a topic in characters (`StreamingEndpointArn` of Amazon Connect)."""

_ARN = re.compile(r"arn:[a-z-]{1,20}:sns:[a-z0-9-]{1,40}:[0-9]{12}:[A-Za-z0-9_-]{1,256}")


def _is_topic(arn: str) -> str:
    if arn.endswith(".fifo"):
        raise ValueError("must be a standard topic; chats are not streamed to FIFO topics (Amazon Connect)")
    if not _ARN.fullmatch(arn) or len(arn) > MAX_TOPIC:
        raise ValueError('must be the ARN of a topic, such as "arn:aws:sns:us-east-1:123456789012:chat"')
    return arn


TopicArn = Annotated[str, AfterValidator(_is_topic)]
"""The ARN of a standard SNS topic. No such topic has to exist: it is the name under which chats are streamed."""


class TopicSettings(ReceiverSettings):
    """A topic: an address that gets the items of the chats that are streamed to it by POST, in the shape of SNS."""

    secrets: Annotated[Secrets, Field(max_length=2)] = ()
    """The secrets that sign. Empty: requests have no signature."""
    max_in_flight: Annotated[int, Field(ge=1, le=50), Number] = 20
    """How many chats have a delivery at the same time. A person waits in each, so it is more than for a webhook."""


def _address_alone(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


Topic = Annotated[TopicSettings, BeforeValidator(_address_alone)]
"""A topic as the file has it: a table, or its address alone."""
