"""Derives the events of the feed from what a commit writes.

The workflow knows nothing of the feed: its histories stay as they are, and conversations of any age have events. What a commit
changes is seen by comparison with the stored record. So a repeated commit has no events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4, uuid5

from domain.attachments import AttachmentStatus
from domain.contacts import Contact, EndReason
from domain.conversation import ConversationOpening, ConversationSnapshot, State
from domain.feed import FeedEvent, FeedEventType
from domain.instants import epoch_milliseconds, iso
from domain.participants import ParticipantPresence, Role
from domain.routing import Offer, OfferOutcome
from domain.transcript import ItemType, TranscriptItem

_NAMESPACE = UUID("0c1f1a6e-0d1c-5b55-9a58-3f1a5a3f7d42")

_FOLLOWED = {
    EndReason.TRANSFERRED: FeedEventType.CONTACT_TRANSFERRED,
    EndReason.RELEASED: FeedEventType.CONTACT_RELEASED,
    EndReason.AGENT_LOST: FeedEventType.CONTACT_RELEASED,
}
"""The events of contacts that another one follows."""

_OUTCOMES = {
    OfferOutcome.MISSED: FeedEventType.CONTACT_OFFER_MISSED,
    OfferOutcome.REJECTED: FeedEventType.CONTACT_OFFER_REJECTED,
}


class RecordBefore(NamedTuple):
    """What the store has of a conversation before a commit.

    Attributes:
        state: the state.
        contacts: the stored contacts among those of the commit, by id.
        presences: by id the presence of the participants.
    """

    state: State
    contacts: Mapping[str, Contact]
    presences: Mapping[str, ParticipantPresence]

    def is_open(self, contact_id: str) -> bool:
        """Whether a contact had not ended before the commit."""
        known = self.contacts.get(contact_id)
        return known is None or known.ended_at is None


class ReadMessage(NamedTuple):
    """A message that a participant has read."""

    participant_id: str
    role: Role
    message_id: str
    contact_id: str
    at: datetime


def events_of_opening(opening: ConversationOpening) -> list[FeedEvent]:
    """Return the events of a new conversation."""
    facts = {"queue": opening.queue, "workstream": opening.workstream, "mode": opening.mode, "initiation_method": "API"}
    found = [_event(opening.contact_id, FeedEventType.CONTACT_INITIATED, opening.contact_id, opening.started_at, facts)]
    if opening.past:
        past = {"continued_from": opening.past.contact_id, "association_id": opening.past.association_id}
        rehydrated = FeedEventType.CONVERSATION_REHYDRATED
        found.append(_event(opening.contact_id, rehydrated, opening.contact_id, opening.started_at, past))
    queued = {"queue": opening.queue}
    found.append(
        _event(opening.contact_id, FeedEventType.CONTACT_QUEUED, opening.contact_id, opening.started_at, queued)
    )
    return found


def events_of_items(items: Iterable[TranscriptItem]) -> list[FeedEvent]:
    """Return the events of new transcript items. Those of the system's events follow from the record."""
    return [
        FeedEvent(item.id, kind, item.contact_id, item.at, _facts_of(item), item.seq)
        for item in items
        if (kind := _type_of(item))
    ]


def _type_of(item: TranscriptItem) -> FeedEventType | None:
    if item.attachment:
        is_approved = item.attachment.status is AttachmentStatus.APPROVED
        return FeedEventType.ATTACHMENT_APPROVED if is_approved else FeedEventType.ATTACHMENT_REJECTED
    return FeedEventType.MESSAGE_CREATED if item.type is ItemType.MESSAGE else None


def _facts_of(item: TranscriptItem) -> dict[str, object]:
    return {"participant_id": item.participant_id, "role": item.role, "content_type": item.content_type}


def events_of_change(
    conversation_id: str, before: RecordBefore, snapshot: ConversationSnapshot, now: datetime
) -> list[FeedEvent]:
    """Return the events of a changed record, in the order of their instants."""
    subject = f"{conversation_id}/{snapshot.revision}"
    found = [*_of_contacts(subject, before, snapshot), *_of_customer(subject, before, snapshot, now)]
    found += _of_state(subject, before, snapshot)
    if snapshot.answers:
        present = snapshot.contacts[-1].id
        answered = {"questions": sorted(snapshot.answers)}
        found.append(_event(subject, FeedEventType.SURVEY_ANSWERED, present, now, answered))
    return sorted(found, key=lambda event: event.at)


def event_of_offer(offer: Offer) -> FeedEvent:
    """Return the event of an offer that routing makes."""
    facts = {"agent": offer.user, "queue": offer.queue, "until": iso(offer.until)}
    subject = f"{offer.conversation_id}/{offer.id}"
    return _event(subject, FeedEventType.CONTACT_OFFERED, offer.contact_id, offer.offered_at, facts)


def event_of_presence(
    instance: str, user: str, number: int, status: str, next_status: str | None, at: datetime
) -> FeedEvent:
    """Return the event of a changed agent status. `number`: that of the agent event which tells the agent."""
    facts = {"agent": user, "status": status, "next_status": next_status}
    return _event(f"{instance}/{number}", FeedEventType.AGENT_PRESENCE, user, at, facts)


def event_of_reading(conversation_id: str, read: ReadMessage) -> FeedEvent:
    """Return the event of a message that a participant has read."""
    facts = {"participant_id": read.participant_id, "role": read.role, "message_id": read.message_id}
    subject = f"{conversation_id}/{read.participant_id}/{read.message_id}"
    return _event(subject, FeedEventType.RECEIPT_READ, read.contact_id, read.at, facts)


def event_of_unreached(
    conversation_id: str, contact_id: str, lost_at: datetime, at: datetime, facts: Mapping[str, object]
) -> FeedEvent:
    """Return the event of a customer who is not reached. It has the same id for the same absence."""
    subject = f"{conversation_id}/{epoch_milliseconds(lost_at)}"
    return _event(subject, FeedEventType.CUSTOMER_UNREACHED, contact_id, at, facts)


def event_of_archive(conversation_id: str, contact_id: str, location: str, at: datetime) -> FeedEvent:
    """Return the event of a transcript file. It has the same id when the file is written again."""
    return _event(conversation_id, FeedEventType.ARCHIVE_WRITTEN, contact_id, at, {"location": location})


def event_of_data(contact_id: str, at: datetime, changes: Mapping[str, Sequence[str]]) -> FeedEvent:
    """Return the event of changed attributes or details: the names of what has changed, by kind."""
    facts = {kind: sorted(names) for kind, names in changes.items() if names}
    return FeedEvent(str(uuid4()), FeedEventType.CONTACT_DATA_UPDATED, contact_id, at, facts)


def _of_contacts(subject: str, before: RecordBefore, snapshot: ConversationSnapshot) -> Iterator[FeedEvent]:
    for contact in snapshot.contacts:
        known = before.contacts.get(contact.id)
        agent: dict[str, Any] = {"agent": contact.agent_user}
        if known is None:
            facts = {
                "queue": contact.queue,
                "initiation_method": contact.initiation_method,
                "previous_contact_id": contact.previous_contact_id,
            }
            yield _event(subject, FeedEventType.CONTACT_INITIATED, contact.id, contact.initiated_at, facts)
        if contact.agent_user and (known is None or known.agent_user != contact.agent_user):
            accepted_at = contact.agent_connected_at or snapshot.placement.enqueued_at
            yield _event(subject, FeedEventType.CONTACT_ACCEPTED, contact.id, accepted_at, agent)
        if contact.agent_connected_at and (known is None or known.agent_connected_at is None):
            yield _event(subject, FeedEventType.CONTACT_AGENT_JOINED, contact.id, contact.agent_connected_at, agent)
        if contact.ended_at and before.is_open(contact.id):
            reason = contact.end_reason
            kind = (
                _FOLLOWED.get(reason, FeedEventType.CONTACT_DISCONNECTED)
                if reason
                else FeedEventType.CONTACT_DISCONNECTED
            )
            yield _event(subject, kind, contact.id, contact.ended_at, {**agent, "reason": reason})
        if contact.wrapped_up_at and (known is None or known.wrapped_up_at is None):
            yield _event(subject, FeedEventType.CONTACT_COMPLETED, contact.id, contact.wrapped_up_at, agent)


def _of_customer(
    subject: str, before: RecordBefore, snapshot: ConversationSnapshot, now: datetime
) -> Iterator[FeedEvent]:
    present = snapshot.contacts[-1].id
    for participant in snapshot.participants:
        known = before.presences.get(participant.id)
        if participant.role is not Role.CUSTOMER or participant.presence is known:
            continue
        facts = {"participant_id": participant.id}
        if participant.presence is ParticipantPresence.CONNECTED:
            if known is not ParticipantPresence.AWAY:
                yield _event(subject, FeedEventType.CONTACT_CONNECTED, present, participant.joined_at or now, facts)
            yield _event(subject, FeedEventType.CUSTOMER_CONNECTED, present, now, facts)
        elif participant.presence is ParticipantPresence.AWAY:
            yield _event(subject, FeedEventType.CUSTOMER_LOST, present, now, facts)


def _of_state(subject: str, before: RecordBefore, snapshot: ConversationSnapshot) -> Iterator[FeedEvent]:
    placement, present = snapshot.placement, snapshot.contacts[-1]
    for offer in placement.ended_offers:
        if kind := _OUTCOMES.get(offer.outcome):
            yield _event(f"{subject}/{offer.id}", kind, present.id, placement.enqueued_at, {"agent": offer.user})
    has_changed = snapshot.state is not before.state
    agent = {"agent": placement.agent}
    if has_changed and before.state is State.WAITING and snapshot.state in (State.OPEN, State.ACTIVE):
        yield _event(subject, FeedEventType.CONTACT_RETURNED, present.id, placement.enqueued_at, agent)
    if snapshot.state is State.OPEN and (has_changed or present.id not in before.contacts):
        queued = {"queue": placement.queue}
        yield _event(subject, FeedEventType.CONTACT_QUEUED, present.id, placement.enqueued_at, queued)
    if has_changed and snapshot.state is State.WAITING:
        yield _event(subject, FeedEventType.CONTACT_PARKED, present.id, placement.enqueued_at, agent)
    if snapshot.closed_at and before.state is not State.CLOSED:
        closed = {"reason": snapshot.end_reason}
        yield _event(subject, FeedEventType.CONVERSATION_CLOSED, present.id, snapshot.closed_at, closed)


def _event(subject: str, kind: FeedEventType, contact_id: str, at: datetime, data: Mapping[str, object]) -> FeedEvent:
    return FeedEvent(str(uuid5(_NAMESPACE, f"{subject}/{kind}/{contact_id}")), kind, contact_id, at, data)
