"""Answers of the desk, and how they are shown in the API's description. Instants are UTC, capacity and load in units."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_pascal

from api.described import Answer, example
from store.board.values import Presence
from store.documents import iso

Instant = Annotated[
    datetime, PlainSerializer(iso, return_type=str), WithJsonSchema({"type": "string", "format": "date-time"})
]

_ID, _AT, _LATER = "0b8f5a36-6b3e-5a0e-9a35-6f3f2b1c7d10", "2026-03-02T09:15:04.120Z", "2026-03-02T09:17:04.120Z"
_CONTACT: dict[str, Any] = {"contact_id": _ID, "initial_contact_id": _ID, "workstream": "live", "queue": "live"}
_MINE: dict[str, Any] = {
    **_CONTACT,
    "mode": "live",
    "state": "ACTIVE",
    "customer": "Ada",
    "started_at": _AT,
    "ended_at": None,
    "attributes": {"tier": "gold"},
}
_STANDS: dict[str, Any] = {
    **_CONTACT,
    "mode": "live",
    "state": "OPEN",
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
    "presence": "available",
    "presence_since": _AT,
    "next_presence": None,
    "capacity": 4,
    "load": 1,
    "over_capacity": False,
}
_QUEUE = {"queue": "live", "waiting": 3, "longest_since": _AT}
_WAITS: dict[str, Any] = {
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


class SignedIn(Answer):
    """A desk token and for how many seconds it is good."""

    model_config = example({"token": "eyJhbGciOi...", "user": "a1", "name": "Agent One", "expires_in": 43_200})

    token: str
    user: str
    name: str
    expires_in: int


class Agent(Answer):
    """How an agent stands. `over_capacity`: they have taken up or picked more than their capacity, or it was made less."""

    model_config = example(_AGENT)

    user: str
    name: str
    presence: Presence
    presence_since: Instant
    next_presence: Presence | None
    capacity: int
    load: int
    over_capacity: bool


class Agents(Answer):
    """All agents of an instance, by user."""

    model_config = example({"agents": [_AGENT]})

    agents: list[Agent]


class Contact(Answer):
    """A contact that is an agent's. `state` is its conversation's: ACTIVE, WAITING, OPEN (it has returned) or WRAP_UP."""

    model_config = example(_MINE)

    contact_id: str
    initial_contact_id: str
    workstream: str
    queue: str | None
    mode: str
    state: str
    customer: str
    started_at: Instant
    ended_at: Instant | None
    attributes: dict[str, str]


class Contacts(Answer):
    """An agent's contacts."""

    model_config = example({"contacts": [_MINE]})

    contacts: list[Contact]


class ChatDetails(Answer):
    """What `ChatSession.create` of ChatJS takes."""

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


class HandedOn(Answer):
    """The contact as which a transferred chat goes on."""

    model_config = example({"contact_id": _ID})

    contact_id: str


class Offer(Answer):
    """What an agent is asked to take, and until when they can."""

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


class Offers(Answer):
    """What an agent is offered."""

    model_config = example({"offers": [_OFFER]})

    offers: list[Offer]


class QueueLength(Answer):
    """How many wait in a queue, and since when the first of them."""

    model_config = example(_QUEUE)

    queue: str
    waiting: int
    longest_since: Instant | None


class Queues(Answer):
    """The queues that an agent serves."""

    model_config = example({"queues": [_QUEUE]})

    queues: list[QueueLength]


class Waiting(Answer):
    """What waits. `ahead`: it returned or lost its agent; `bound_to`: the only agent who is offered it for now."""

    model_config = example(_WAITS)

    position: int
    contact_id: str
    initial_contact_id: str
    workstream: str
    since: Instant
    priority: int
    ahead: bool
    units: int
    bound_to: str | None


class Line(Answer):
    """What waits in a queue, the next first."""

    model_config = example({"contacts": [_WAITS]})

    contacts: list[Waiting]


class Note(Answer):
    """What somebody noted about a contact."""

    model_config = example(_NOTE)

    note_id: str
    contact_id: str
    user: str
    at: Instant
    text: str


class Notes(Answer):
    """What was noted, the oldest first."""

    model_config = example({"notes": [_NOTE]})

    notes: list[Note]


class Standing(Answer):
    """A contact that is not closed. `agent` works on it, has parked it or wraps it up; `offered_to` is asked."""

    model_config = example(_STANDS)

    contact_id: str
    initial_contact_id: str
    workstream: str
    queue: str
    mode: str
    state: str
    started_at: Instant
    since: Instant
    units: int
    agent: str | None
    offered_to: str | None
    offered_until: Instant | None


class Standings(Answer):
    """Contacts that are not closed. `more`: there are others."""

    model_config = example({"contacts": [_STANDS], "more": False})

    contacts: list[Standing]
    more: bool
