"""Response bodies of the agent API, with their examples. Instants are UTC; capacity and load are in units."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_pascal

from api.openapi import ResponseBody, example
from domain.instants import iso
from domain.routing import AgentStatus
from store.records import ContactReference

Instant = Annotated[
    datetime, PlainSerializer(iso, return_type=str), WithJsonSchema({"type": "string", "format": "date-time"})
]

_ID, _AT, _LATER = "0b8f5a36-6b3e-5a0e-9a35-6f3f2b1c7d10", "2026-03-02T09:15:04.120Z", "2026-03-02T09:17:04.120Z"
_CONTACT: dict[str, Any] = {"contact_id": _ID, "initial_contact_id": _ID, "workstream": "live", "queue": "live"}
_AGENT_CONTACT: dict[str, Any] = {
    **_CONTACT,
    "mode": "live",
    "state": "ACTIVE",
    "customer": "Ada",
    "started_at": _AT,
    "ended_at": None,
    "wrap_up_until": None,
    "attributes": {"tier": "gold"},
    "name": "Order 7",
    "description": None,
    "references": {"order": {"type": "URL", "value": "https://shop.example/7"}},
}
_OPEN_CONTACT: dict[str, Any] = {
    **_CONTACT,
    "mode": "live",
    "state": "OPEN",
    "customer": "Ada",
    "started_at": _AT,
    "since": _AT,
    "units": 1,
    "agent": None,
    "offered_to": "a2",
    "offered_until": _LATER,
}
_OFFER: dict[str, Any] = {
    "offer_id": "8f14e45fceea467f9d3e",
    **_CONTACT,
    "customer": "Ada",
    "attributes": {"tier": "gold"},
    "offered_at": _AT,
    "until": _LATER,
}
_AGENT: dict[str, Any] = {
    "user": "a1",
    "name": "Agent One",
    "status": "available",
    "status_since": _AT,
    "next_status": None,
    "capacity": 4,
    "load": 1,
    "over_capacity": False,
    "supervisor": False,
}
_QUEUE = {"queue": "live", "waiting": 3, "longest_since": _AT}
_WAITING_CONTACT: dict[str, Any] = {
    "position": 1,
    "contact_id": _ID,
    "initial_contact_id": _ID,
    "workstream": "live",
    "since": _AT,
    "priority": 5,
    "ahead": False,
    "units": 1,
    "bound_to": None,
}
_NOTE = {"note_id": "5d41402abc4b2a76", "contact_id": _ID, "user": "a1", "at": _AT, "text": "Wants to be called back."}


class SignInResponse(ResponseBody):
    """An agent token, valid for `expires_in` seconds."""

    model_config = example({"token": "eyJhbGciOi...", "user": "a1", "name": "Agent One", "expires_in": 43_200})

    token: str
    user: str
    name: str
    expires_in: int


class TicketResponse(ResponseBody):
    """A ticket for one agent socket, valid for `expires_in` seconds."""

    model_config = example({"ticket": "eyJhbGciOi...", "expires_in": 30})

    ticket: str
    expires_in: int


class AgentResponse(ResponseBody):
    """State of an agent. `over_capacity`: the load exceeds the capacity, after a resume, a pick, or a change of the capacity."""

    model_config = example(_AGENT)

    user: str
    name: str
    status: AgentStatus
    status_since: Instant
    next_status: AgentStatus | None
    capacity: int
    load: int
    over_capacity: bool
    supervisor: bool


class AgentsResponse(ResponseBody):
    """All agents of an instance, by user."""

    model_config = example({"agents": [_AGENT]})

    agents: list[AgentResponse]


class ContactResponse(ResponseBody):
    """A contact of an agent. `state` is that of its conversation: ACTIVE, WAITING, OPEN (it has returned) or WRAP_UP.

    `wrap_up_until`: when its wrap-up ends by itself; None before it.
    """

    model_config = example(_AGENT_CONTACT)

    contact_id: str
    initial_contact_id: str
    workstream: str
    queue: str | None
    mode: str
    state: str
    customer: str
    started_at: Instant
    ended_at: Instant | None
    wrap_up_until: Instant | None
    attributes: dict[str, str]
    name: str | None
    description: str | None
    references: dict[str, ContactReference]


class ContactsResponse(ResponseBody):
    """An agent's contacts."""

    model_config = example({"contacts": [_AGENT_CONTACT]})

    contacts: list[ContactResponse]


class ChatDetailsResponse(ResponseBody):
    """The `chatDetails` for `ChatSession.create` of ChatJS."""

    model_config = ConfigDict(
        alias_generator=to_pascal,
        populate_by_name=True,
        json_schema_extra={
            "example": {
                "ContactId": _ID,
                "InitialContactId": _ID,
                "ParticipantId": "1f0e3dad-9990-5345-b743-9f8ffabdffc4",
                "ParticipantToken": "eyJhbGciOi...",
            }
        },
    )

    contact_id: str
    initial_contact_id: str
    participant_id: str
    participant_token: str


class TransferResponse(ResponseBody):
    """The new contact of a transferred chat."""

    model_config = example({"contact_id": _ID})

    contact_id: str


class QueueTransferResponse(ResponseBody):
    """How many contacts of a queue were transferred, and how many were not. `more`: further ones wait."""

    model_config = example({"transferred": 12, "refused": 0, "more": False})

    transferred: int
    refused: int
    more: bool


class OfferResponse(ResponseBody):
    """An offer to an agent. They can accept it before `until`."""

    model_config = example(_OFFER)

    offer_id: str
    contact_id: str
    initial_contact_id: str
    workstream: str
    queue: str
    customer: str
    attributes: dict[str, str]
    offered_at: Instant
    until: Instant


class OffersResponse(ResponseBody):
    """The pending offers of an agent."""

    model_config = example({"offers": [_OFFER]})

    offers: list[OfferResponse]


class QueueLengthResponse(ResponseBody):
    """Number of waiting contacts of a queue. `longest_since`: start of the longest wait."""

    model_config = example(_QUEUE)

    queue: str
    waiting: int
    longest_since: Instant | None


class QueuesResponse(ResponseBody):
    """The queues that an agent serves."""

    model_config = example({"queues": [_QUEUE]})

    queues: list[QueueLengthResponse]


class QueuedContactResponse(ResponseBody):
    """A waiting contact. `ahead`: it returned, or lost its agent; `bound_to`: only this agent is offered it at present."""

    model_config = example(_WAITING_CONTACT)

    position: int
    contact_id: str
    initial_contact_id: str
    workstream: str
    since: Instant
    priority: int
    ahead: bool
    units: int
    bound_to: str | None


class QueuedContactsResponse(ResponseBody):
    """The waiting contacts of a queue, next first."""

    model_config = example({"contacts": [_WAITING_CONTACT]})

    contacts: list[QueuedContactResponse]


class NoteResponse(ResponseBody):
    """A note about a contact."""

    model_config = example(_NOTE)

    note_id: str
    contact_id: str
    user: str
    at: Instant
    text: str


class NotesResponse(ResponseBody):
    """Notes, oldest first."""

    model_config = example({"notes": [_NOTE]})

    notes: list[NoteResponse]


class OpenContactResponse(ResponseBody):
    """A contact with a place in routing. `agent` works on it, has parked it, or wraps it up; `offered_to` has its offer."""

    model_config = example(_OPEN_CONTACT)

    contact_id: str
    initial_contact_id: str
    workstream: str
    queue: str
    mode: str
    state: str
    customer: str
    started_at: Instant
    since: Instant
    units: int
    agent: str | None
    offered_to: str | None
    offered_until: Instant | None


class OpenContactsResponse(ResponseBody):
    """Contacts with a place in routing. `more`: the list is not complete."""

    model_config = example({"contacts": [_OPEN_CONTACT], "more": False})

    contacts: list[OpenContactResponse]
    more: bool
