"""Conversations, their contacts and participants."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import and_, bindparam, exists, or_, select, update

from domain.checkpoints import Conflict, ConflictKind
from domain.contacts import InitiationMethod
from domain.conversation import ConversationOpening, ConversationSnapshot, State
from domain.feed import FeedEvent
from domain.participants import Participant, ParticipantPresence, Role
from domain.transcript import TranscriptItem
from store import schema
from store.attributes import add_attributes, keep_attributes
from store.checkpoints import Step, advance
from store.connections import connected_among
from store.database import Database
from store.feed_derivation import events_of_change, events_of_items, events_of_opening
from store.feed_writes import lock_numbers, write_events
from store.monitors import end_monitors_of_contact
from store.record_before import record_before
from store.records import StoredContact, StoredConversation, StoredParticipant
from store.rows import columns, contact_of, labelled, latest_contact_first, past_columns, select_contacts, unlabelled
from store.transaction import Transaction
from store.transcript_writes import Appended, TranscriptEnd, append_items

logger = logging.getLogger(__name__)

_CONVERSATION = select(*columns(schema.conversations, StoredConversation)).where(
    schema.conversations.c.id == bindparam("conversation_id")
)
_CONTACT = select_contacts().where(
    schema.contacts.c.id == bindparam("contact_id"), schema.contacts.c.instance == bindparam("instance")
)
_LATEST_CONTACT = (
    select(schema.contacts.c.id)
    .where(schema.contacts.c.conversation_id == schema.participants.c.conversation_id)
    .order_by(*latest_contact_first())
    .limit(1)
    .scalar_subquery()
)
_supervisors = schema.participants.alias("supervisors").c
_HAS_SUPERVISOR = exists().where(
    _supervisors.conversation_id == schema.participants.c.conversation_id,
    _supervisors.role == Role.SUPERVISOR,
    _supervisors.joined_at.is_not(None),
    _supervisors.left_at.is_(None),
)
_IS_THIS_AGENT = and_(
    schema.agent_identities.c.instance == schema.conversations.c.instance,
    schema.agent_identities.c.user == schema.participants.c.user,
)
_PARTICIPANT = (
    select(
        *labelled(schema.participants, StoredParticipant),
        *labelled(schema.conversations, StoredConversation),
        _LATEST_CONTACT.label("contact"),
        schema.agent_identities.c.id.label("agent_identity"),
        _HAS_SUPERVISOR.label("has_supervisor"),
    )
    .join(schema.conversations, schema.conversations.c.id == schema.participants.c.conversation_id)
    .outerjoin(schema.agent_identities, _IS_THIS_AGENT)
    .where(schema.participants.c.id == bindparam("participant_id"))
)

_PRESENT = (
    select(schema.participants.c.id, schema.agent_identities.c.id)
    .join(schema.conversations, schema.conversations.c.id == schema.participants.c.conversation_id)
    .outerjoin(schema.agent_identities, _IS_THIS_AGENT)
    .where(schema.participants.c.id.in_(bindparam("ids", expanding=True)), schema.participants.c.left_at.is_(None))
)

_UPDATE = (
    update(schema.conversations)
    .where(schema.conversations.c.id == bindparam("conversation_id"))
    # `<=`: a repeated task keeps the revision, but may carry more
    .where(schema.conversations.c.revision <= bindparam("revision"))
    .values(
        {name: bindparam(name) for name in ("revision", "state", "ended_at", "end_reason", "closed_at", "updated_at")}
    )
)


class Written(NamedTuple):
    """The result of `write_conversation`.

    Attributes:
        conflict: what the store has instead; None when the commit is written.
        is_current: whether the snapshot is stored; False when the store has a newer one, or when there was none to write.
        transcript_end: the end of the transcript, when items received other numbers than the workflow gave them; else None.
        items_as_given: whether this write stored all items, with the numbers that the workflow gave them.
    """

    is_current: bool = False
    transcript_end: TranscriptEnd | None = None
    items_as_given: bool = True
    conflict: Conflict | None = None


async def open_conversation(db: Database, opening: ConversationOpening) -> None:
    """Writes a conversation's first record. Idempotent: an existing record stays as it is."""
    async with db.write() as connection:
        await _write_opening(db, connection, opening)


async def write_conversation(
    db: Database,
    connection: Transaction,
    conversation_id: str,
    *,
    opening: ConversationOpening | None = None,
    snapshot: ConversationSnapshot | None = None,
    items: Sequence[TranscriptItem] = (),
    step: Step | None = None,
    absent: Sequence[str] = (),
) -> Written:
    """Writes a conversation's changes within the caller's transaction.

    Idempotent. When the step conflicts with the store, or one of the `absent` participants is connected, nothing but the opening
    is written. A snapshot of an older revision than the stored one is not written; its items are.
    """
    if opening:
        await _write_opening(db, connection, opening)
    if absent and (present := await connected_among(connection, absent)):
        conflict = Conflict(kind=ConflictKind.CONNECTED, participants=present)
        return Written(conflict=conflict, items_as_given=False)
    if step and (conflict := await advance(connection, step)):
        return Written(conflict=conflict, items_as_given=False)
    if step is None:
        await lock_numbers(connection, conversation_id)
    changes = await _write_snapshot(db, connection, conversation_id, snapshot) if snapshot else None
    is_current = changes is not None
    appended = await append_items(db, connection, conversation_id, items) if items else Appended()
    events = sorted([*events_of_items(appended.written), *(changes or ())], key=lambda event: event.at)
    await write_events(db, connection, [(conversation_id, events)])
    if snapshot and not is_current:
        logger.error("%s: revision %d is older than the stored one", conversation_id, snapshot.revision)
    return Written(is_current, appended.end, appended.as_given)


async def find_conversation(db: Database, conversation_id: str) -> StoredConversation | None:
    """A conversation by its id, which is also the id of its first contact; None when there is no such conversation."""
    rows = await db.mappings(_CONVERSATION, {"conversation_id": conversation_id})
    return StoredConversation(**rows[0]) if rows else None


async def find_contact(db: Database, instance: str, contact_id: str) -> tuple[StoredContact, StoredConversation] | None:
    """A contact and its conversation; None when the instance has no such contact."""
    rows = await db.mappings(_CONTACT, {"contact_id": contact_id, "instance": instance})
    return contact_of(rows[0]) if rows else None


async def find_participant(
    db: Database, participant_id: str
) -> tuple[StoredParticipant, StoredConversation, str, str | None, bool] | None:
    """A participant; None when there is no such participant.

    Returns:
        The participant, the conversation, the id of its latest contact, the present identity of the agent or supervisor, if it
        is one, and whether a supervisor takes part.
    """
    rows = await db.mappings(_PARTICIPANT, {"participant_id": participant_id})
    if not rows:
        return None
    row = rows[0]
    return (
        StoredParticipant(**unlabelled(row, schema.participants, StoredParticipant)),
        StoredConversation(**unlabelled(row, schema.conversations, StoredConversation)),
        row["contact"],
        row["agent_identity"],
        row["has_supervisor"],
    )


async def present_participants(db: Database, ids: Collection[str]) -> dict[str, str | None]:
    """Those of some participants who have not left, each with the present identity of the agent, if it is one."""
    return {row[0]: row[1] for row in await db.rows(_PRESENT, {"ids": list(ids)})}


async def survey_contacts(db: Database, ids: Collection[str]) -> set[str]:
    """Those of some contacts that are surveys."""
    contact = schema.contacts.c
    query = select(contact.id).where(contact.id.in_(ids), contact.initiation_method == InitiationMethod.DISCONNECT)
    return {row[0] for row in await db.rows(query)} if ids else set()


async def attributes_before_survey(db: Database, conversation_id: str) -> Mapping[str, str] | None:
    """The attributes of a conversation at the beginning of its survey; None when it has none."""
    contact = schema.contacts.c
    latest = (
        select(contact.initiation_method, contact.previous_contact_id)
        .where(contact.conversation_id == conversation_id)
        .order_by(*latest_contact_first())  # a survey is the last contact
        .limit(1)
        .subquery()
    )
    query = (
        select(contact.attributes)
        .join(latest, latest.c.previous_contact_id == contact.id)
        .where(latest.c.initiation_method == InitiationMethod.DISCONNECT)
    )
    rows = await db.rows(query)
    return rows[0][0] if rows else None


async def participant_of_user(db: Database, conversation_id: str, user: str) -> StoredParticipant | None:
    """The participant of a conversation that belongs to an agent; None when the agent never took part as its agent."""
    participant = schema.participants.c
    query = select(*columns(schema.participants, StoredParticipant)).where(
        participant.conversation_id == conversation_id, participant.user == user, participant.role == Role.AGENT
    )
    async with db.read() as connection:
        row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else StoredParticipant(**row)


async def participants_of_contact(db: Database, contact: StoredContact) -> list[StoredParticipant]:
    """The participants of a contact, in the order in which they joined: the customer, the agent, and all with an item in it."""
    participant, item = schema.participants.c, schema.items.c
    has_item = exists().where(
        item.conversation_id == contact.conversation_id,
        item.contact_id == contact.id,
        item.participant_id == participant.id,
    )
    is_agent = and_(participant.role == Role.AGENT, participant.user == contact.agent_user)
    query = (
        select(*columns(schema.participants, StoredParticipant))
        .where(participant.conversation_id == contact.conversation_id)
        .where(or_(participant.role == Role.CUSTOMER, is_agent, has_item))
        .order_by(participant.joined_at.is_(None), participant.joined_at, participant.id)
    )
    async with db.read() as connection:
        rows = (await connection.execute(query)).mappings().all()
    return [StoredParticipant(**row) for row in rows]


async def contacts_of_agent(db: Database, instance: str, user: str) -> list[tuple[StoredContact, StoredConversation]]:
    """The contacts of an agent that are open or in wrap-up, oldest first."""
    contact, conversation = schema.contacts, schema.conversations
    query = (
        select_contacts()
        .where(
            contact.c.agent_user == user,
            contact.c.instance == instance,
            contact.c.wrapped_up_at.is_(None),
        )
        .where(or_(contact.c.ended_at.is_(None), conversation.c.state == State.WRAP_UP))
        .order_by(contact.c.initiated_at)
    )
    async with db.read() as connection:
        rows = (await connection.execute(query)).mappings().all()
    return [contact_of(row) for row in rows]


async def _write_opening(db: Database, connection: Transaction, opening: ConversationOpening) -> None:
    if await _insert_opening(db, connection, opening):
        await write_events(db, connection, [(opening.contact_id, events_of_opening(opening))])


async def _insert_opening(db: Database, connection: Transaction, opening: ConversationOpening) -> bool:
    """Writes the first record. Returns False when there is one."""
    conversation = {
        "id": opening.contact_id,
        "instance": opening.instance,
        "workstream": opening.workstream,
        "queue": opening.queue,
        "mode": opening.mode,
        "state": State.OPEN,
        "customer_id": opening.customer_id,
        "is_customer_signed": opening.is_customer_signed,
        "attributes": opening.attributes,
        "segment_attributes": opening.segment_attributes,
        "content_types": list(opening.content_types),
        "started_at": opening.started_at,
        "revision": 0,
        "updated_at": opening.started_at,
        **past_columns(opening.past),
    }
    contact = {
        "id": opening.contact_id,
        "conversation_id": opening.contact_id,
        "instance": opening.instance,
        "initiation_method": InitiationMethod.API,
        "related_contact_id": opening.related_contact_id,
        "queue": opening.queue,
        "initiated_at": opening.started_at,
        "enqueued_at": opening.started_at,
    }
    customer = {
        "id": opening.customer_participant_id,
        "conversation_id": opening.contact_id,
        "role": Role.CUSTOMER,
        "name": opening.customer_name,
        "presence": ParticipantPresence.AWAITED,
    }
    if not await db.insert_new(connection, schema.conversations, [conversation]):
        return False  # a repeated opening may have another participant id, and a conversation has one customer
    await db.insert_new(connection, schema.contacts, [contact])
    await db.insert_new(connection, schema.participants, [customer])
    return True


async def _write_snapshot(
    db: Database, connection: Transaction, conversation_id: str, snapshot: ConversationSnapshot
) -> list[FeedEvent] | None:
    """Writes a snapshot unless a newer revision is stored: then it returns None, else the events of what has changed."""
    now = datetime.now(UTC)
    before = await record_before(connection, conversation_id, snapshot)
    values = {
        "conversation_id": conversation_id,
        "revision": snapshot.revision,
        "state": snapshot.state,
        "ended_at": snapshot.ended_at,
        "end_reason": snapshot.end_reason,
        "closed_at": snapshot.closed_at,
        "updated_at": now,
    }
    changed = await connection.execute(_UPDATE, values)
    if not changed.rowcount:
        return None
    keys = {"conversation_id": conversation_id, "instance": snapshot.placement.instance}
    contacts = [{**keys, **dict(contact)} for contact in snapshot.contacts]
    await db.upsert(connection, schema.contacts, contacts)
    await keep_attributes(connection, [contact.id for contact in snapshot.contacts[:-1]])
    if snapshot.answers:
        await add_attributes(connection, conversation_id, snapshot.answers)
    names = Participant.model_fields  # the workflow's participants have more fields
    # in the order in which `acknowledge` locks participants
    rows = [
        {"conversation_id": conversation_id} | {name: getattr(participant, name) for name in names}
        for participant in sorted(snapshot.participants, key=lambda participant: participant.id)
    ]
    await db.upsert(connection, schema.participants, rows)
    if before is None:
        return []
    for contact in snapshot.contacts:
        if contact.ended_at and before.is_open(contact.id):
            await end_monitors_of_contact(connection, conversation_id, contact.id, contact.ended_at)
    return events_of_change(conversation_id, before, snapshot, now)
