"""Finds a contact after waiting, at most 2 s, for the messages of its conversation that this process has accepted."""

from __future__ import annotations

from api.dependencies import Services
from domain.errors import NotFound
from store import conversations
from store.records import StoredContact, StoredConversation


async def find_contact_after_writes(
    services: Services, instance: str, contact_id: str
) -> tuple[StoredContact, StoredConversation] | None:
    """Find a contact of an instance and its conversation. First waits, at most 2 s, until its accepted messages are recorded.

    Returns:
        None if the instance has no such contact.
    """
    found = await conversations.find_contact(services.db, instance, contact_id)
    if found is None or not await services.accepted_messages.wait_until_recorded(found[1].id):
        return found
    return await conversations.find_contact(services.db, instance, contact_id)


async def contact_in_path(
    services: Services, instance: str, contact_id: str
) -> tuple[StoredContact, StoredConversation]:
    """Find the contact that a path names. See `find_contact_after_writes`.

    Raises:
        NotFound: the instance has no such contact.
    """
    found = await find_contact_after_writes(services, instance, contact_id)
    if found is None:
        raise NotFound(f"contact_id: instance {instance!r} has no contact {contact_id!r}.")
    return found
