"""The forms of events: CloudEvents, and the contact events of Amazon Connect."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import update

from configuration.schema.webhooks import WebhookSettings
from domain.contacts import EndReason
from domain.feed import CONTACT_EVENTS
from domain.participants import ParticipantPresence
from store import schema
from store.attributes import merge_attributes
from store.contact_details import ContactDetails, change_details
from store.conversations import find_contact, open_conversation
from store.database import Database
from store.feed import FeedPosition, page_of_feed
from store.records import ContactReference
from tests.store.sample_records import (
    AGENT,
    CUSTOMER,
    INSTANCE,
    after,
    contact,
    item,
    opening,
    record,
    replaced,
    snapshot,
)
from tests.webhooks.receiver import SECRET
from webhooks.deliveries import outgoing_requests

ARN = f"arn:aws:connect:local:000000000000:instance/{INSTANCE}"


def hook(**changes: Any) -> WebhookSettings:
    default = {"url": "https://crm.example.org/", "secrets": [SECRET], "format": "eventbridge"}
    return WebhookSettings.model_validate({**default, **changes})


async def sent(db: Database, settings: WebhookSettings) -> list[dict[str, Any]]:
    events = await page_of_feed(db, INSTANCE, FeedPosition(), 1_000)
    return [json.loads(each.body) for each in await outgoing_requests(db, settings, events)]


async def whole_chat(db: Database) -> None:
    """A chat whose customer connects, and whose agent joins, ends it and wraps up."""
    present = replaced(CUSTOMER, presence=ParticipantPresence.CONNECTED)
    await open_conversation(db, opening())
    waiting = contact(agent_user=None, agent_connected_at=None)
    await record(db, "c", snapshot=snapshot(1, state="OPEN", participants=(present,), contacts=(waiting,)))
    await merge_attributes(db, INSTANCE, "c", {"topic": "bees"}, limit=1_000)
    await record(db, "c", snapshot=snapshot(2, participants=(present, AGENT)), items=[item(1)])
    ended: dict[str, Any] = {"ended_at": after(90), "end_reason": EndReason.AGENT_ENDED}
    await record(db, "c", snapshot=snapshot(3, contacts=(contact(**ended, last_seq=1),), state="WRAP_UP", **ended))
    closed = contact(**ended, wrapped_up_at=after(120), last_seq=1)
    await record(db, "c", snapshot=snapshot(4, contacts=(closed,), state="CLOSED", closed_at=after(120), **ended))


async def test_chat_has_the_contact_events_of_amazon_connect(db: Database) -> None:
    await whole_chat(db)
    events = await sent(db, hook())
    assert sorted(event["detail"]["eventType"] for event in events) == sorted(
        [
            *("INITIATED", "QUEUED", "CONNECTED_TO_SYSTEM", "CONTACT_DATA_UPDATED"),
            *("CONNECTED_TO_AGENT", "DISCONNECTED", "COMPLETED"),
        ]
    )
    by_type = {event["detail"]["eventType"]: event for event in events}
    last = by_type["COMPLETED"]
    assert {name: last[name] for name in last if name not in ("id", "detail")} == {
        "version": "0",
        "detail-type": "Amazon Connect Contact Event",
        "source": "aws.connect",
        "account": "000000000000",
        "time": "2026-03-01T00:01:59Z",
        "region": "local",
        "resources": [f"{ARN}/contact/c", ARN],
    }
    assert last["detail"] == {
        "eventType": "COMPLETED",
        "contactId": "c",
        "initialContactId": "c",
        "relatedContactId": "earlier",
        "instanceArn": ARN,
        "channel": "CHAT",
        "initiationMethod": "API",
        "initiationTimestamp": "2026-02-28T23:59:59.987Z",
        "connectedToSystemTimestamp": "2026-02-28T23:59:59.987Z",
        "disconnectTimestamp": "2026-03-01T00:01:29.987Z",
        "disconnectReason": "AGENT_DISCONNECT",
        "queueInfo": {
            "queueArn": f"{ARN}/queue/support",
            "queueType": "STANDARD",
            "enqueueTimestamp": "2026-02-28T23:59:59.987Z",
        },
        "agentInfo": {
            "agentArn": f"{ARN}/agent/ann",
            "connectedToAgentTimestamp": "2026-03-01T00:00:59.987Z",
            "afterContactWorkStartTimestamp": "2026-03-01T00:01:29.987Z",
            "afterContactWorkEndTimestamp": "2026-03-01T00:01:59.987Z",
        },
    }


async def test_event_tells_only_what_had_happened_by_then(db: Database) -> None:
    await whole_chat(db)
    details = {event["detail"]["eventType"]: event["detail"] for event in await sent(db, hook())}
    assert not details["INITIATED"].keys() & {"queueInfo", "agentInfo", "disconnectTimestamp", "disconnectReason"}
    assert details["QUEUED"]["queueInfo"]
    assert "agentInfo" not in details["QUEUED"]
    assert "afterContactWorkStartTimestamp" not in details["CONNECTED_TO_AGENT"]["agentInfo"]
    assert "disconnectTimestamp" not in details["CONNECTED_TO_AGENT"]
    assert "afterContactWorkEndTimestamp" not in details["DISCONNECTED"]["agentInfo"]
    assert details["CONTACT_DATA_UPDATED"]["updatedProperties"] == ["UserDefinedAttributes"]


async def test_updated_details_are_named_as_in_a_contact(db: Database) -> None:
    await open_conversation(db, opening())
    found = await find_contact(db, INSTANCE, "c")
    assert found
    page = ContactReference(type="URL", value="https://shop.example/7")
    await change_details(db, found[0], lambda _: ContactDetails("order", "It is late.", {"page": page}, {"team": "a"}))
    *_, event = await sent(db, hook())
    assert event["detail"]["updatedProperties"] == ["References", "Tags", "Description", "Name"]


async def test_segment_attributes_come_on_request(db: Database) -> None:
    await open_conversation(db, opening())
    assert all("segmentAttributes" not in event["detail"] for event in await sent(db, hook()))
    [first, _] = await sent(db, hook(content=True))
    assert first["detail"]["segmentAttributes"] == {"connect:Subtype": {"ValueString": "connect:Chat"}}


async def test_only_wanted_contact_events_are_sent(db: Database) -> None:
    await whole_chat(db)
    events = await sent(db, hook(types=["contact.queued", "message", "contact.accepted"]))
    assert [event["detail"]["eventType"] for event in events] == ["QUEUED"]
    assert len(await sent(db, hook(format="cloudevents"))) > len(CONTACT_EVENTS)


def test_format_without_any_event_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="none of them is an event of Amazon Connect"):
        hook(types=["message", "contact.parked"])


@pytest.mark.parametrize(
    ("settings", "is_sent"),
    [
        ({"format": "cloudevents"}, True),
        ({"format": "cloudevents", "types": ["contact"]}, True),
        ({"format": "cloudevents", "types": ["contact.queued"]}, False),
        ({}, False),
    ],
)
async def test_type_of_a_newer_version_is_passed_on(db: Database, settings: dict[str, Any], is_sent: bool) -> None:
    await open_conversation(db, opening())
    async with db.write() as connection:
        newer = (
            update(schema.feed_events)
            .where(schema.feed_events.c.type == "contact.initiated")
            .values(type="contact.praised")
        )
        await connection.execute(newer)
    events = await sent(db, hook(**settings))
    assert ("contact.praised" in [event.get("type") for event in events]) is is_sent
