"""Contact events of Amazon Connect, as EventBridge delivers them (administrator guide, "Amazon Connect contact events")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from domain.feed import CONTACT_EVENTS, FeedEventType
from domain.instants import iso
from store.database import Database
from store.feed import StoredEvent, contacts_of
from store.records import StoredContact, StoredConversation
from wire.arns import contact_arn, instance_arn, resource_arn
from wire.disconnect_reasons import disconnect_reason
from wire.models import AWS_ACCOUNT, without_none

DETAIL_TYPE, SOURCE = "Amazon Connect Contact Event", "aws.connect"

REGION = "local"
"""A placeholder, as in ARNs."""

TEST_TYPE = "test"
"""The `detail-type` of events that only test a webhook."""


async def contact_events(db: Database, events: Sequence[StoredEvent], *, with_content: bool) -> list[dict[str, Any]]:
    """Return events as EventBridge delivers them.

    Args:
        db: the store, for the contacts. An event of a contact that is deleted has only the ids in its detail.
        events: the events, all of the types of `CONTACT_EVENTS`.
        with_content: whether the detail has tags and segment attributes.
    """
    contacts = await contacts_of(db, events)
    return [_contact_event(event, contacts.get(event.contact_id), with_content=with_content) for event in events]


def contact_event_of_test(instance: str, event_id: str, at: datetime) -> dict[str, Any]:
    """Return an event that says nothing."""
    return _envelope(event_id, TEST_TYPE, at, [instance_arn(instance)], {})


def _contact_event(
    event: StoredEvent, found: tuple[StoredContact, StoredConversation] | None, *, with_content: bool
) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "eventType": CONTACT_EVENTS[event.type],
        "contactId": event.contact_id,
        "initialContactId": event.conversation_id,
        "instanceArn": instance_arn(event.instance),
        "channel": "CHAT",
    }
    if event.type == FeedEventType.CONTACT_DATA_UPDATED:
        detail["updatedProperties"] = _updated_properties(event.data)
    if found:
        contact, conversation = found
        detail |= _members(event, contact)
        if with_content:
            detail |= without_none(tags=contact.tags, segmentAttributes=conversation.segment_attributes or None)
    resources = [contact_arn(event.instance, event.contact_id), instance_arn(event.instance)]
    return _envelope(event.id, DETAIL_TYPE, event.at, resources, detail)


def _updated_properties(data: Mapping[str, Any]) -> list[str]:
    """Amazon Connect documents attributes and tags. The others have the names that its Contact has."""
    kinds = {"attributes": "UserDefinedAttributes", "references": "References", "tags": "Tags"}
    return [
        *(name for kind, name in kinds.items() if kind in data),
        *(each.capitalize() for each in data.get("details", ())),
    ]


def _members(event: StoredEvent, contact: StoredContact) -> dict[str, Any]:
    """What was known of the contact when the event happened."""

    def by_then(instant: datetime | None) -> str | None:
        return iso(instant) if instant and instant <= event.at else None

    is_new = event.type == FeedEventType.CONTACT_INITIATED
    enqueued_at = None if is_new else by_then(contact.enqueued_at)
    connected_at, ended_at = by_then(contact.agent_connected_at), by_then(contact.ended_at)
    return without_none(
        previousContactId=contact.previous_contact_id,
        relatedContactId=contact.related_contact_id,
        initiationMethod=contact.initiation_method.value,
        initiationTimestamp=iso(contact.initiated_at),
        connectedToSystemTimestamp=None if is_new else by_then(contact.initiated_at),
        disconnectTimestamp=ended_at,
        disconnectReason=disconnect_reason(contact.end_reason) if ended_at else None,
        queueInfo=without_none(
            queueArn=resource_arn(event.instance, "queue", contact.queue),
            queueType="STANDARD",
            enqueueTimestamp=enqueued_at,
        )
        if enqueued_at and contact.queue
        else None,
        agentInfo=without_none(
            agentArn=resource_arn(event.instance, "agent", contact.agent_user),
            connectedToAgentTimestamp=connected_at,
            afterContactWorkStartTimestamp=ended_at,
            afterContactWorkEndTimestamp=by_then(contact.wrapped_up_at) if ended_at else None,
        )
        if connected_at and contact.agent_user
        else None,
    )


def _envelope(
    event_id: str, detail_type: str, at: datetime, resources: Sequence[str], detail: dict[str, Any]
) -> dict[str, Any]:
    return {
        "version": "0",
        "id": event_id,
        "detail-type": detail_type,
        "source": SOURCE,
        "account": AWS_ACCOUNT,
        "time": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": REGION,
        "resources": list(resources),
        "detail": detail,
    }
