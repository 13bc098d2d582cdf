"""The contacts that belong together: all of a conversation, and all of the conversations in its chain of rehydrations."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import literal, select, tuple_

from store import schema
from store.database import Database
from store.records import StoredContact, StoredConversation
from store.rows import contact_of, select_contacts

_contacts, _conversations = schema.contacts.c, schema.conversations.c


class ContactPosition(NamedTuple):
    """The place of a contact in the list."""

    initiated_at: datetime
    contact_id: str


async def associated_contacts(
    db: Database, conversation: StoredConversation, limit: int, after: ContactPosition | None = None
) -> list[tuple[StoredContact, StoredConversation]]:
    """At most `limit` contacts that belong together, each with its conversation, in the order of their beginning.

    Args:
        after: the place of the last contact of the page before it; None for the first page.
    """
    association = conversation.association_id or conversation.id
    first = select(_conversations.id).where(_conversations.id == association)
    others = select(_conversations.id).where(_conversations.association_id == association)
    query = select_contacts().where(
        _contacts.instance == conversation.instance, _contacts.conversation_id.in_(first.union_all(others))
    )
    if after is not None:
        place = tuple_(literal(after.initiated_at, schema.Instant()), literal(after.contact_id))
        query = query.where(tuple_(_contacts.initiated_at, _contacts.id) > place)
    rows = await db.mappings(query.order_by(_contacts.initiated_at, _contacts.id).limit(limit))
    return [contact_of(row) for row in rows]
