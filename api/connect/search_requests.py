"""Request body of SearchContacts, with the limits of the botocore model (1.44.5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self

from annotated_types import Interval, MaxLen, MinLen
from pydantic import ConfigDict, Field, PlainSerializer, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

from domain.instants import EPOCH, epoch_milliseconds
from wire.models import InstanceId, OrDefault, Remark, Text, WireModel


def _instant(value: object) -> datetime:
    """Parse an instant: seconds since 1970, or ISO 8601. A missing zone is UTC."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise PydanticCustomError("instant_type", "must be a number of seconds since 1970 or an ISO 8601 text")
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else EPOCH + timedelta(seconds=value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        expected = "must be seconds since 1970, or like 2026-01-31T23:59:59Z, in the years 1 to 9999"
        raise PydanticCustomError("instant_value", expected) from None


Instant = Annotated[datetime, PlainValidator(_instant), PlainSerializer(epoch_milliseconds)]
MatchType = Literal["MATCH_ALL", "MATCH_ANY", "MATCH_EXACT", "MATCH_NONE"]
Channel = Literal["VOICE", "CHAT", "TASK", "EMAIL"]
AnyInitiationMethod = Literal[
    "INBOUND",
    "OUTBOUND",
    "TRANSFER",
    "QUEUE_TRANSFER",
    "CALLBACK",
    "API",
    "DISCONNECT",
    "MONITOR",
    "EXTERNAL_OUTBOUND",
    "WEBRTC_API",
    "AGENT_REPLY",
    "FLOW",
]


class TimeRange(WireModel):
    """A time range of a kind of timestamp, with both ends included."""

    type: Literal[
        "INITIATION_TIMESTAMP",
        "SCHEDULED_TIMESTAMP",
        "CONNECTED_TO_AGENT_TIMESTAMP",
        "DISCONNECT_TIMESTAMP",
        "ENQUEUE_TIMESTAMP",
    ]
    start_time: Instant
    end_time: Instant

    @model_validator(mode="after")
    def _start_before_end(self) -> Self:
        if self.start_time > self.end_time:
            raise ValueError("StartTime must not be after EndTime")
        return self


class AttributeCriteria(WireModel):
    """An attribute that must have one of the values."""

    key: Annotated[Text, MinLen(1), MaxLen(100)]
    values: Annotated[list[Annotated[Text, MaxLen(100)]], MaxLen(20)]


class SearchableContactAttributes(WireModel):
    """Criteria on attributes. All must match, unless `MatchType` says otherwise."""

    criteria: Annotated[list[AttributeCriteria], MaxLen(15)]
    match_type: OrDefault[MatchType] = "MATCH_ALL"


class SearchCriteria(WireModel):
    """Criteria on contacts. An empty list restricts nothing. Unsupported members are kept, to be refused."""

    model_config = ConfigDict(extra="allow")

    agent_ids: OrDefault[Annotated[list[Annotated[Text, MinLen(1), MaxLen(256)]], MaxLen(100)]] = Field(
        default_factory=list
    )
    queue_ids: OrDefault[Annotated[list[Text], MaxLen(100)]] = Field(default_factory=list)
    channels: OrDefault[list[Channel]] = Field(default_factory=list[Channel])
    initiation_methods: OrDefault[list[AnyInitiationMethod]] = Field(default_factory=list[AnyInitiationMethod])
    searchable_contact_attributes: SearchableContactAttributes | None = None


SortField = Literal[
    "INITIATION_TIMESTAMP",
    "SCHEDULED_TIMESTAMP",
    "CONNECTED_TO_AGENT_TIMESTAMP",
    "DISCONNECT_TIMESTAMP",
    "INITIATION_METHOD",
    "CHANNEL",
    "EXPIRY_TIMESTAMP",
]


class Sort(WireModel):
    """Order of the results."""

    field_name: Annotated[SortField, Remark("INITIATION_TIMESTAMP, CONNECTED_TO_AGENT_TIMESTAMP, DISCONNECT_TIMESTAMP")]
    order: Literal["ASCENDING", "DESCENDING"]


class SearchContacts(WireModel):
    """POST /search-contacts."""

    instance_id: InstanceId
    time_range: TimeRange
    search_criteria: OrDefault[SearchCriteria] = Field(default_factory=SearchCriteria)
    max_results: Annotated[int, Interval(ge=1, le=100)] | None = None
    next_token: Annotated[Text, MinLen(1), MaxLen(100_000)] | None = None
    sort: Sort | None = None
