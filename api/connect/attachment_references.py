"""The files of a contact as references (ListContactReferences)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import Request

from api.dependencies import Services
from domain.attachments import AttachmentStatus
from store import attachments, transcript
from store.records import StoredContact
from wire.arns import contact_arn


async def attachment_references(
    services: Services, request: Request, contact: StoredContact
) -> dict[str, dict[str, Any]]:
    """Return the references of the files that were sent in a contact, each under a key that no reference of a backend has.

    A file that is still being checked is PROCESSING. The address is that of the operation for backends, which needs the role
    `transcripts`; that of a rejected file, which is deleted, is empty.
    """
    found = await attachments.attachments_of(services.db, contact.conversation_id)
    accepted = [each for each in found if each.accepted_at is not None]
    names = [(contact.conversation_id, each.id) for each in accepted]
    items = await transcript.find_items(services.db, names) if names else {}
    base = (services.settings.public_url or str(request.base_url)).rstrip("/")
    references: dict[str, dict[str, Any]] = {}
    for name, each in zip(names, accepted, strict=True):
        item = items.get(name)
        if (item.contact_id if item else each.contact_id) != contact.id:
            continue
        status = item.attachment.status if item and item.attachment else "PROCESSING"
        path = f"/v1/contacts/{quote(contact.id)}/attachments/{each.id}?instance={quote(each.instance)}"
        references[f"{each.name}\0{each.id}"] = {
            "Name": each.name,
            "Value": "" if status == AttachmentStatus.REJECTED else base + path,
            "Status": status,
            "Arn": f"{contact_arn(each.instance, contact.id)}/attachment/{each.id}",
        }
    return references
