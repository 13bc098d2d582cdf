"""What backends note about a contact: a name, a description, references and tags. The workflow knows nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select, update

from store import schema
from store.database import Database
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

    Locks the row of the conversation, then that of the contact, as commits do.

    Args:
        changed: returns the new details for the present ones.
    """
    query = select(_contacts.name, _contacts.description, _contacts.references, _contacts.tags)
    async with db.write() as connection:
        touched = update(schema.conversations).where(_conversations.id == contact.conversation_id)
        await connection.execute(touched.values(updated_at=datetime.now(UTC)))
        row = (await connection.execute(query.where(_contacts.id == contact.id).with_for_update())).one_or_none()
        if row is None:
            return
        name, description, references, tags = row
        named = {key: ContactReference.model_validate(value) for key, value in (references or {}).items()}
        after = changed(ContactDetails(name, description, named, tags or {}))
        values = {
            "name": after.name,
            "description": after.description,
            "references": {key: reference.model_dump() for key, reference in after.references.items()},
            "tags": dict(after.tags),
        }
        await connection.execute(update(schema.contacts).where(_contacts.id == contact.id).values(values))
