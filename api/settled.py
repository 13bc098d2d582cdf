"""Contacts as they stand after everything that this process has just accepted for them."""

from __future__ import annotations

from api.services import Services
from store import conversations
from store.records import Contact, Conversation


async def recent_contact(parts: Services, instance: str, contact_id: str) -> tuple[Contact, Conversation] | None:
    """A contact of an instance with its conversation, once the latest message accepted here is recorded."""
    found = await conversations.find_contact(parts.db, instance, contact_id)
    if found is None or not await parts.settling.settled(found[1].id):
        return found
    return await conversations.find_contact(parts.db, instance, contact_id)
