"""The feed: events that tell backends what becomes of contacts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class FeedEventType(StrEnum):
    """What an event says. Backends filter by the value; a new version of Perennial adds values, and changes none."""

    CONTACT_INITIATED = "contact.initiated"
    """A chat has begun, or a transfer, a release or a survey has begun a further contact."""
    CONTACT_QUEUED = "contact.queued"
    """The contact waits for an agent."""
    CONTACT_CONNECTED = "contact.connected"
    """The customer's client has connected for the first time (Amazon Connect: CONNECTED_TO_SYSTEM)."""
    CONTACT_OFFERED = "contact.offered"
    """Routing has offered the contact to an agent. What an agent picks or resumes is not offered."""
    CONTACT_OFFER_MISSED = "contact.offer_missed"
    """An agent has neither accepted nor rejected an offer in time."""
    CONTACT_OFFER_REJECTED = "contact.offer_rejected"
    """An agent has rejected an offer."""
    CONTACT_ACCEPTED = "contact.accepted"
    """The contact has its agent: by an offer, a pick or an assignment."""
    CONTACT_AGENT_JOINED = "contact.agent_joined"
    """The agent's client has connected to the chat (Amazon Connect: CONNECTED_TO_AGENT)."""
    CONTACT_PARKED = "contact.parked"
    """The agent has parked the chat, which waits for the customer."""
    CONTACT_RETURNED = "contact.returned"
    """A parked chat is back in its queue or with an agent."""
    CONTACT_TRANSFERRED = "contact.transferred"
    """The contact has ended, because the chat goes on in another queue or with another agent."""
    CONTACT_RELEASED = "contact.released"
    """The contact has ended, because its agent has given the chat back to its queue."""
    CONTACT_DISCONNECTED = "contact.disconnected"
    """The contact has ended, for any other reason."""
    CONTACT_COMPLETED = "contact.completed"
    """The wrap-up of the contact has ended (Amazon Connect: COMPLETED)."""
    CONTACT_DATA_UPDATED = "contact.data_updated"
    """Attributes of the chat, or a name, a description, references or tags of the contact have changed."""
    CONVERSATION_REHYDRATED = "conversation.rehydrated"
    """The chat continues an earlier one."""
    CONVERSATION_CLOSED = "conversation.closed"
    """Nothing more comes of the chat."""
    CUSTOMER_CONNECTED = "customer.connected"
    """The customer's client is connected."""
    CUSTOMER_LOST = "customer.lost"
    """The customer's client is no longer connected."""
    CUSTOMER_UNREACHED = "customer.unreached"
    """Words of an agent or a bot have waited for a customer who is away, as long as the workstream says. Once for an absence."""
    MESSAGE_CREATED = "message.created"
    """The transcript has a new message."""
    ATTACHMENT_APPROVED = "attachment.approved"
    """The transcript has a new file."""
    ATTACHMENT_REJECTED = "attachment.rejected"
    """The scanner has rejected a file. Nobody can read it."""
    RECEIPT_READ = "receipt.read"
    """A participant has read a message, and all before it."""
    ARCHIVE_WRITTEN = "archive.written"
    """The transcript file of a contact is in the archive."""
    AGENT_PRESENCE = "agent.presence"
    """The status of an agent has changed, or the one that follows when the agent is free. Belongs to no conversation."""
    SURVEY_ANSWERED = "survey.answered"
    """The customer has answered questions of the survey."""


WITHOUT_CONVERSATION = frozenset[str]({FeedEventType.AGENT_PRESENCE})
"""The types that are about an agent. Their events are numbered for each agent."""

CONTACT_EVENTS: Mapping[str, str] = {
    FeedEventType.CONTACT_INITIATED: "INITIATED",
    FeedEventType.CONTACT_CONNECTED: "CONNECTED_TO_SYSTEM",
    FeedEventType.CONTACT_DATA_UPDATED: "CONTACT_DATA_UPDATED",
    FeedEventType.CONTACT_QUEUED: "QUEUED",
    FeedEventType.CONTACT_AGENT_JOINED: "CONNECTED_TO_AGENT",
    FeedEventType.CONTACT_TRANSFERRED: "DISCONNECTED",
    FeedEventType.CONTACT_RELEASED: "DISCONNECTED",
    FeedEventType.CONTACT_DISCONNECTED: "DISCONNECTED",
    FeedEventType.CONTACT_COMPLETED: "COMPLETED",
}
"""The types that Amazon Connect knows, with the `eventType` of its contact events."""


class FeedEvent(NamedTuple):
    """An event before it is written. The store numbers it.

    Attributes:
        id: the id of the event. The event of a message has that of the message.
        contact_id: the contact that it is about, or the agent.
        at: when it became true (UTC).
        data: facts without texts, names and attributes.
        item: the number of the transcript item that it is about; None for all others.
    """

    id: str
    type: FeedEventType
    contact_id: str
    at: datetime
    data: Mapping[str, object]
    item: int | None = None


def is_named(type: str, names: Collection[str]) -> bool:
    """Whether one of the names is that of a type, or its beginning up to a dot. Without names: whatever the type is."""
    return not names or any(type == name or type.startswith(f"{name}.") for name in names)


def types_named(name: str) -> frozenset[FeedEventType]:
    """Return the types that this version knows of a name; none for an unknown one."""
    return frozenset(kind for kind in FeedEventType if is_named(kind, (name,)))
