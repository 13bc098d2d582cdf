"""Limits of what clients may do: rates of requests, failed authentications, open chats, sockets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from configuration.schema.sections import Number, OneOf, SettingsSection

OFF = "off"
"""The value of a limit that does not apply."""

_RATE = re.compile(r"(\d+(?:\.\d+)?)/(\d+)")

RATE_EXPECTED = 'must be a rate and a burst, such as "10/15", or "off"'


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests per second in the long run, and how many may come at once."""

    per_second: float
    burst: int

    def __str__(self) -> str:
        return f"{self.per_second:g}/{self.burst}"


def _rate(value: Any) -> Rate | None:
    if value is None or isinstance(value, Rate):
        return value
    if value == OFF:
        return None
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None or not float(match[1]) or not int(match[2]):
        raise ValueError(RATE_EXPECTED)
    return Rate(float(match[1]), int(match[2]))


RateLimit = Annotated[
    Rate | None,
    BeforeValidator(_rate),
    PlainSerializer(lambda rate: OFF if rate is None else str(rate), when_used="json"),
    WithJsonSchema({"type": "string"}),
]
"""A rate and a burst, `"10/15"`; None (`"off"`) is no limit."""

CountLimit = Annotated[Annotated[int, Field(ge=1), Number] | Literal["off"], OneOf]
"""The greatest number; `"off"` is no limit."""


def number(limit: int | Literal["off"]) -> int | None:
    """The number of a limit; None when it does not apply."""
    return None if limit == OFF else limit


def rate(text: str) -> Any:
    """A default, in the form in which it is configured."""
    return Field(default=_rate(text))


class LimitSettings(SettingsSection):
    """The limits of a process. The rates are those of Amazon Connect, which counts them for an account and instance."""

    # for each participant
    messages: RateLimit = rate("10/15")
    """SendMessage and SendEvent together."""
    transcripts: RateLimit = rate("8/12")
    """GetTranscript."""
    connections: RateLimit = rate("6/9")
    """CreateParticipantConnection."""
    disconnects: RateLimit = rate("3/5")
    """DisconnectParticipant."""
    attachments: RateLimit = rate("2/5")
    """StartAttachmentUpload and CompleteAttachmentUpload together."""
    downloads: RateLimit = rate("8/12")
    """GetAttachment, and each transfer of a file."""
    # for each access key
    starts: RateLimit = rate("5/8")
    """StartChatContact, StartContactStreaming and StopContactStreaming, each for itself."""
    contacts: RateLimit = rate("10/15")
    """StopContact and DescribeContact, each for itself."""
    searches: RateLimit = rate("0.5/1")
    """SearchContacts."""
    metrics: RateLimit = rate("5/8")
    """GetCurrentMetricData and GetCurrentUserData, each for itself."""
    controls: RateLimit = rate("2/5")
    """Each other operation of Amazon Connect."""
    backends: RateLimit = rate("10/15")
    """Each operation of Perennial's own: sign-in of agents, reconnections, administration."""
    # for each signed-in agent
    agents: RateLimit = rate("10/15")
    """All requests of an agent together."""
    # for each address
    public_starts: RateLimit = rate("0.2/10")
    """Chats that browsers start without a backend."""
    public_reads: RateLimit = rate("2/20")
    """What browsers ask before they start a chat."""
    failed_authentications: CountLimit = 30
    """Failed authentications of a minute; then the address has to wait for a minute."""
    # for each instance
    open_chats: CountLimit = 500
    """Chats that are open or with an agent. An instance may have another number."""
    # for each process
    sockets: CountLimit = 10_000
    """Open WebSockets of all clients."""


class InstanceLimits(SettingsSection):
    """The limits of one instance."""

    open_chats: CountLimit | None = None
    """Chats that are open or with an agent at the same time. None: as many as `limits.open_chats`."""
