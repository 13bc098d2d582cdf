"""What backends note about a contact: a name, a description, references and tags. The workflow knows nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select, update

from store import schema
from store.database import Database
from store.feed_derivation import event_of_data
from store.feed_writes import lock_numbers, write_events
from store.records import ContactReference, StoredContact

_contacts, _conversations = schema.contacts.c, schema.conversations.c


@dataclass(frozen=True, slots=True)
class ContactDetails:
    """The details of one contact; None: there are none."""

    name: str | None
    description: str | None
    references: Mapping[str, ContactReference]
    tags: Mapping[str, str]


async def change_details(
    db: Database, contact: StoredContact, changed: Callable[[ContactDetails], ContactDetails]
) -> None:
    """Change the details of a contact, also of an ended one. An exception of `changed` leaves them as they are.

    Locks the checkpoint, the row of the conversation, then that of the contact, as commits do. The feed has an event of what is
    different afterwards.

    Args:
        changed: returns the new details for the present ones.
    """
    query = select(_contacts.name, _contacts.description, _contacts.references, _contacts.tags)
    now = datetime.now(UTC)
    async with db.write() as connection:
        await lock_numbers(connection, contact.conversation_id)
        touched = update(schema.conversations).where(_conversations.id == contact.conversation_id)
        await connection.execute(touched.values(updated_at=now))
        row = (await connection.execute(query.where(_contacts.id == contact.id).with_for_update())).one_or_none()
        if row is None:
            return
        name, description, references, tags = row
        named = {key: ContactReference.model_validate(value) for key, value in (references or {}).items()}
        before = ContactDetails(name, description, named, tags or {})
        after = changed(before)
        if after == before:
            return
        values = {
            "name": after.name,
            "description": after.description,
            "references": {key: reference.model_dump() for key, reference in after.references.items()},
            "tags": dict(after.tags),
        }
        await connection.execute(update(schema.contacts).where(_contacts.id == contact.id).values(values))
        event = event_of_data(contact.id, now, _changes(before, after))
        await write_events(db, connection, [(contact.conversation_id, [event])])


def _changes(before: ContactDetails, after: ContactDetails) -> dict[str, list[str]]:
    """The names of what is different: of tags and references, and of the fields with one value."""
    return {
        "details": [field for field in ("name", "description") if getattr(before, field) != getattr(after, field)],
        "references": _different(before.references, after.references),
        "tags": _different(before.tags, after.tags),
    }


def _different(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    return [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
