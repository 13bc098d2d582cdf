"""Transcript items as in the participant service of Amazon Connect (connectparticipant `Item`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.attachments import Attachment
from domain.instants import iso
from domain.transcript import TranscriptItem
from store.records import Receipt


def item_without_contact(item: TranscriptItem, receipts: Sequence[Receipt] = ()) -> dict[str, Any]:
    """Builds the members that all shapes of an item have: all but the ids of contacts. Members without a value are left out."""
    members = {
        "AbsoluteTime": iso(item.at),
        "Content": item.content,
        "ContentType": None if item.attachment else item.content_type,
        "Attachments": [_attachment(item.attachment)] if item.attachment else None,
        "Id": item.id,
        "Type": item.type,
        "ParticipantId": item.participant_id,
        "DisplayName": item.name,
        "ParticipantRole": item.role,
        "MessageMetadata": metadata(item.id, receipts) if receipts else None,
    }
    return {name: value for name, value in members.items() if value is not None}


def item_with_contact(item: TranscriptItem, conversation_id: str, receipts: Sequence[Receipt] = ()) -> dict[str, Any]:
    """Builds an item of the present conversation, for a socket frame or a transcript page. Its contact is `ContactId`."""
    return {**item_without_contact(item, receipts), "InitialContactId": conversation_id, "ContactId": item.contact_id}


def item_with_related_contact(item: TranscriptItem, receipts: Sequence[Receipt] = ()) -> dict[str, Any]:
    """Builds an item of an earlier conversation, for a transcript page. Its own contact is `RelatedContactId`."""
    return {**item_without_contact(item, receipts), "RelatedContactId": item.contact_id}


def _attachment(attachment: Attachment) -> dict[str, str]:
    """Builds the only entry of `Attachments`. Clients drop an item without name, type or id, so a rejected file has them, too."""
    return {
        "AttachmentId": attachment.id,
        "AttachmentName": attachment.name,
        "ContentType": attachment.content_type,
        "Status": attachment.status,
    }


def metadata(message_id: str, receipts: Sequence[Receipt]) -> dict[str, Any]:
    """Builds `MessageMetadata`: the receipts of a message."""
    return {"MessageId": message_id, "Receipts": [_receipt(receipt) for receipt in receipts]}


def _receipt(receipt: Receipt) -> dict[str, str]:
    members = {"RecipientParticipantId": receipt.participant_id}
    if receipt.delivered_at:
        members["DeliveredTimestamp"] = iso(receipt.delivered_at)
    if receipt.read_at:
        members["ReadTimestamp"] = iso(receipt.read_at)
    return members
