"""SearchContacts: finds contacts by time, agent, queue, initiation method and attributes.

Every contact of a conversation is a result of its own; attributes are those of the whole conversation. Criteria of Amazon Connect
that this API does not support are refused: without them, a search would find too much.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from fastapi import APIRouter

from api.bodies import JsonBody
from api.connect.authentication import ByChatsKey
from api.connect.search_requests import SearchContacts
from api.dependencies import Services, ServicesInRequest
from api.openapi import DescribedRoute
from api.paths import resource_id
from api.tokens import TokenKind
from domain.errors import AccessDenied, InvalidValue, MalformedRequest
from domain.instants import EPOCH, MILLISECOND, epoch_milliseconds, epoch_seconds, next_whole_millisecond
from store.contact_search import (
    AttributeCriterion,
    ContactInstant,
    ContactSearch,
    SearchPosition,
    count_contacts,
    find_contacts,
    search_position,
)
from store.records import StoredContact, StoredConversation
from wire.arns import contact_arn
from wire.models import without_none

router = APIRouter(route_class=DescribedRoute)

DEFAULT_RESULTS = 100

_TIMESTAMPS: Mapping[str, ContactInstant] = {
    "INITIATION_TIMESTAMP": "initiated_at",
    "ENQUEUE_TIMESTAMP": "enqueued_at",
    "CONNECTED_TO_AGENT_TIMESTAMP": "agent_connected_at",
    "DISCONNECT_TIMESTAMP": "ended_at",
}
"""Timestamps of a chat. Chats are never scheduled."""
_SORTABLE = ("INITIATION_TIMESTAMP", "CONNECTED_TO_AGENT_TIMESTAMP", "DISCONNECT_TIMESTAMP")
_MATCHES: Mapping[str, Literal["all", "any", "none"]] = {
    "MATCH_ALL": "all",
    "MATCH_EXACT": "all",
    "MATCH_ANY": "any",
    "MATCH_NONE": "none",
}
"""Values always match exactly, so MATCH_EXACT is the same as MATCH_ALL."""


@dataclass(frozen=True, slots=True)
class _Page:
    """Start of a page, and the total that was counted for the first page."""

    position: SearchPosition
    total: int


@router.post("/search-contacts")
async def search_contacts(
    services: ServicesInRequest, caller: ByChatsKey, body: JsonBody[SearchContacts]
) -> dict[str, Any]:
    """SearchContacts. All pages have the `TotalCount` of the first page."""
    instance, _ = services.instance(body.instance_id, caller.instances)
    _check_supported(body)
    start = _read_next_token(services, instance, body.next_token, body) if body.next_token else None
    search = _search(instance, body)
    if search is None:
        return {"Contacts": [], "TotalCount": 0}
    limit = body.max_results or DEFAULT_RESULTS
    found = await find_contacts(services.db, search, limit + 1, start.position if start else None)
    page, more = found[:limit], len(found) > limit
    total = start.total if start else len(page)
    if more and start is None:
        total = await count_contacts(services.db, search)
    following = _Page(search_position(search, page[-1][0]), total) if more else None
    return without_none(
        Contacts=[_summary(contact, conversation) for contact, conversation in page],
        NextToken=_next_token(services, instance, body, following) if following else None,
        TotalCount=total,
    )


def _check_supported(body: SearchContacts) -> None:
    for member, value in (body.search_criteria.model_extra or {}).items():
        if value is not None:
            raise MalformedRequest(f"SearchCriteria.{member}: contacts cannot be searched by it here.")
    if body.sort and body.sort.field_name not in _SORTABLE:
        raise MalformedRequest(f"Sort.FieldName: must be one of {', '.join(_SORTABLE)}.")


def _search(instance: str, body: SearchContacts) -> ContactSearch | None:
    """Return the search in the terms of the store, or None if it cannot find anything."""
    timestamp, criteria = _TIMESTAMPS.get(body.time_range.type), body.search_criteria
    if timestamp is None or (criteria.channels and "CHAT" not in criteria.channels):
        return None
    attributes = criteria.searchable_contact_attributes
    return ContactSearch(
        instance=instance,
        moment=timestamp,
        since=next_whole_millisecond(body.time_range.start_time),
        until=body.time_range.end_time,
        agents=[resource_id(agent) for agent in criteria.agent_ids],
        queues=[resource_id(queue) for queue in criteria.queue_ids],
        methods=criteria.initiation_methods,
        attributes=[AttributeCriterion(one.key, one.values) for one in attributes.criteria] if attributes else (),
        match=_MATCHES[attributes.match_type] if attributes else "all",
        order=_TIMESTAMPS[body.sort.field_name] if body.sort else "initiated_at",
        ascending=body.sort is not None and body.sort.order == "ASCENDING",
    )


def _summary(contact: StoredContact, conversation: StoredConversation) -> dict[str, Any]:
    connected_at = epoch_seconds(contact.agent_connected_at)
    return without_none(
        Arn=contact_arn(conversation.instance, contact.id),
        Id=contact.id,
        InitialContactId=conversation.id,
        PreviousContactId=contact.previous_contact_id,
        InitiationMethod=contact.initiation_method,
        Channel="CHAT",
        QueueInfo=without_none(Id=contact.queue, EnqueueTimestamp=epoch_seconds(contact.enqueued_at)),
        AgentInfo=without_none(Id=contact.agent_user, ConnectedToAgentTimestamp=connected_at)
        if contact.agent_user
        else None,
        InitiationTimestamp=epoch_seconds(contact.initiated_at),
        DisconnectTimestamp=epoch_seconds(contact.ended_at),
        SegmentAttributes=_summary_attributes(conversation.segment_attributes) or None,
    )


def _summary_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Segment attributes of a summary: texts and maps only."""
    return {name: value for name, value in attributes.items() if {"ValueString", "ValueMap"} & value.keys()}


def _token_subject(instance: str) -> str:
    return f"contacts of {instance}"


def _fingerprint(body: SearchContacts) -> str:
    """Hash of a search without its paging. All pages of a search have the same one."""
    query = body.model_dump(mode="json", include={"time_range", "search_criteria", "sort"})
    return sha256(json.dumps(query, sort_keys=True).encode()).hexdigest()


def _next_token(services: Services, instance: str, body: SearchContacts, page: _Page) -> str:
    at, contact_id = page.position
    return services.tokens.make(
        TokenKind.PAGE,
        _token_subject(instance),
        of=_fingerprint(body),
        at=None if at is None else epoch_milliseconds(at),
        id=contact_id,
        total=page.total,
    )


def _read_next_token(services: Services, instance: str, token: str, body: SearchContacts) -> _Page:
    try:
        claims = services.tokens.verify(TokenKind.PAGE, token)
    except AccessDenied:
        raise InvalidValue("NextToken: was not issued by this operation.") from None
    if claims["sub"] != _token_subject(instance) or claims["of"] != _fingerprint(body):
        raise InvalidValue("NextToken: belongs to another search.")
    at = None if claims["at"] is None else EPOCH + claims["at"] * MILLISECOND
    return _Page(SearchPosition(at, claims["id"]), claims["total"])
