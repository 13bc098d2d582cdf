"""SearchContacts: contacts by time, agent, queue, way of initiation and attributes.

Every leg of a chat is a result of its own; attributes are those of the whole chat. What Amazon Connect can search by and we
cannot is refused: leaving it out would find too much.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, Literal, Self

from annotated_types import Interval, MaxLen, MinLen
from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field, PlainSerializer, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

from api.connect.caller import Authenticated
from api.connect.contacts import contact_arn
from api.instants import EPOCH, MILLISECOND, epoch_milliseconds, epoch_seconds, whole_millisecond
from api.paths import resource_id
from api.services import Parts, Services
from api.tokens import Kind
from api.wire import InstanceId, Text, Wire, dump, read_body
from domain.errors import AccessDenied, InvalidValue, MalformedRequest
from store.records import Contact, Conversation
from store.searching import AttributeCriterion, Mark, Moment, Search, count_contacts, find_contacts, mark_of

router = APIRouter()

DEFAULT_RESULTS = 100

_MOMENTS: Mapping[str, Moment] = {
    "INITIATION_TIMESTAMP": "initiated_at",
    "ENQUEUE_TIMESTAMP": "enqueued_at",
    "CONNECTED_TO_AGENT_TIMESTAMP": "agent_connected_at",
    "DISCONNECT_TIMESTAMP": "ended_at",
}
"""Those that a chat can have; none is ever scheduled."""
_SORTABLE = ("INITIATION_TIMESTAMP", "CONNECTED_TO_AGENT_TIMESTAMP", "DISCONNECT_TIMESTAMP")
_MATCHES: Mapping[str, Literal["all", "any", "none"]] = {
    "MATCH_ALL": "all",
    "MATCH_EXACT": "all",
    "MATCH_ANY": "any",
    "MATCH_NONE": "none",
}
"""Values are compared to the letter anyway: exactly is how all of them match."""


def _instant(value: object) -> datetime:
    """An instant of a request: seconds since 1970, whole or not, or ISO 8601, where a missing zone is UTC."""
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
InitiationMethod = Literal[
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


class TimeRange(Wire):
    """When what happened; both ends belong to it."""

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
    def _forward(self) -> Self:
        if self.start_time > self.end_time:
            raise ValueError("StartTime must not be after EndTime")
        return self


class AttributeCriteria(Wire):
    """An attribute, and the values of which it must have one."""

    key: Annotated[Text, MinLen(1), MaxLen(100)]
    values: Annotated[list[Annotated[Text, MaxLen(100)]], MaxLen(20)]


class SearchableContactAttributes(Wire):
    """How many of the criteria must be met: all, unless `MatchType` says otherwise."""

    criteria: Annotated[list[AttributeCriteria], MaxLen(15)]
    match_type: MatchType = "MATCH_ALL"


class SearchCriteria(Wire):
    """What the contacts are; an empty list restricts nothing. Members that we do not search by are kept, to be refused."""

    model_config = ConfigDict(extra="allow")

    agent_ids: Annotated[list[Annotated[Text, MinLen(1), MaxLen(256)]], MaxLen(100)] = Field(default_factory=list)
    queue_ids: Annotated[list[Text], MaxLen(100)] = Field(default_factory=list)
    channels: list[Channel] = Field(default_factory=list[Channel])
    initiation_methods: list[InitiationMethod] = Field(default_factory=list[InitiationMethod])
    searchable_contact_attributes: SearchableContactAttributes | None = None


class Sort(Wire):
    """The order of the results."""

    field_name: Literal[
        "INITIATION_TIMESTAMP",
        "SCHEDULED_TIMESTAMP",
        "CONNECTED_TO_AGENT_TIMESTAMP",
        "DISCONNECT_TIMESTAMP",
        "INITIATION_METHOD",
        "CHANNEL",
        "EXPIRY_TIMESTAMP",
    ]
    order: Literal["ASCENDING", "DESCENDING"]


class SearchContacts(Wire):
    """POST /search-contacts."""

    instance_id: InstanceId
    time_range: TimeRange
    search_criteria: SearchCriteria = Field(default_factory=SearchCriteria)
    max_results: Annotated[int, Interval(ge=1, le=100)] | None = None
    next_token: Annotated[Text, MinLen(1), MaxLen(100_000)] | None = None
    sort: Sort | None = None


@dataclass(frozen=True, slots=True)
class _Position:
    """Where a page starts, and how many results the first page counted."""

    mark: Mark
    total: int


@router.post("/search-contacts")
async def search_contacts(request: Request, parts: Parts, caller: Authenticated) -> dict[str, Any]:
    """SearchContacts. `TotalCount` is that of the first page: a search that goes on does not count again."""
    body = await read_body(request, SearchContacts)
    instance, _ = parts.instance(body.instance_id, caller.instances)
    _refuse_what_is_not_served(body)
    position = _continued(parts, instance, body.next_token, body) if body.next_token else None
    search = _search(instance, body)
    if search is None:
        return {"Contacts": [], "TotalCount": 0}
    limit = body.max_results or DEFAULT_RESULTS
    found = await find_contacts(parts.db, search, limit + 1, position.mark if position else None)
    page, more = found[:limit], len(found) > limit
    total = position.total if position else len(page)
    if more and position is None:
        total = await count_contacts(parts.db, search)
    rest = _Position(mark_of(search, page[-1][0]), total) if more else None
    return dump(
        Contacts=[_summary(contact, conversation) for contact, conversation in page],
        NextToken=_next_token(parts, instance, body, rest) if rest else None,
        TotalCount=total,
    )


def _refuse_what_is_not_served(body: SearchContacts) -> None:
    for member, value in (body.search_criteria.model_extra or {}).items():
        if value is not None:
            raise MalformedRequest(f"SearchCriteria.{member}: contacts cannot be searched by it here.")
    if body.sort and body.sort.field_name not in _SORTABLE:
        raise MalformedRequest(f"Sort.FieldName: contacts cannot be sorted by {body.sort.field_name} here.")


def _search(instance: str, body: SearchContacts) -> Search | None:
    """The search as the store knows it; None where nothing can be found."""
    moment, criteria = _MOMENTS.get(body.time_range.type), body.search_criteria
    if moment is None or (criteria.channels and "CHAT" not in criteria.channels):
        return None
    attributes = criteria.searchable_contact_attributes
    return Search(
        instance=instance,
        moment=moment,
        since=whole_millisecond(body.time_range.start_time),
        until=body.time_range.end_time,
        agents=[resource_id(agent) for agent in criteria.agent_ids],
        queues=[resource_id(queue) for queue in criteria.queue_ids],
        methods=criteria.initiation_methods,
        attributes=[AttributeCriterion(one.key, one.values) for one in attributes.criteria] if attributes else (),
        match=_MATCHES[attributes.match_type] if attributes else "all",
        order=_MOMENTS[body.sort.field_name] if body.sort else "initiated_at",
        ascending=body.sort is not None and body.sort.order == "ASCENDING",
    )


def _summary(contact: Contact, conversation: Conversation) -> dict[str, Any]:
    connected_at = epoch_seconds(contact.agent_connected_at)
    return dump(
        Arn=contact_arn(conversation.instance, contact.id),
        Id=contact.id,
        InitialContactId=conversation.id,
        PreviousContactId=contact.previous_contact_id,
        InitiationMethod=contact.initiation_method,
        Channel="CHAT",
        QueueInfo=dump(Id=contact.queue, EnqueueTimestamp=epoch_seconds(contact.enqueued_at)),
        AgentInfo=dump(Id=contact.agent_user, ConnectedToAgentTimestamp=connected_at) if contact.agent_user else None,
        InitiationTimestamp=epoch_seconds(contact.initiated_at),
        DisconnectTimestamp=epoch_seconds(contact.ended_at),
        SegmentAttributes=_summarised(conversation.segment_attributes) or None,
    )


def _summarised(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Segment attributes as a summary can hold them, which knows texts and maps only."""
    return {name: value for name, value in attributes.items() if {"ValueString", "ValueMap"} & value.keys()}


def _subject(instance: str) -> str:
    return f"contacts of {instance}"


def _fingerprint(body: SearchContacts) -> str:
    """The same for every page of a search, however many results the page may have."""
    query = body.model_dump(mode="json", include={"time_range", "search_criteria", "sort"})
    return sha256(json.dumps(query, sort_keys=True).encode()).hexdigest()


def _next_token(parts: Services, instance: str, body: SearchContacts, position: _Position) -> str:
    at, contact_id = position.mark
    return parts.tokens.make(
        Kind.PAGE,
        _subject(instance),
        of=_fingerprint(body),
        at=None if at is None else epoch_milliseconds(at),
        id=contact_id,
        total=position.total,
    )


def _continued(parts: Services, instance: str, token: str, body: SearchContacts) -> _Position:
    try:
        claims = parts.tokens.read(Kind.PAGE, token)
    except AccessDenied:
        raise InvalidValue("NextToken: is not one that this operation gave.") from None
    if claims["sub"] != _subject(instance) or claims["of"] != _fingerprint(body):
        raise InvalidValue("NextToken: belongs to another search.")
    at = None if claims["at"] is None else EPOCH + claims["at"] * MILLISECOND
    return _Position(Mark(at, claims["id"]), claims["total"])
