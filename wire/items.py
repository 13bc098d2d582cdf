"""A transcript item as the participant plane of Amazon Connect shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.instants import iso
from domain.transcript import TranscriptItem
from store.records import Receipt


def item_document(item: TranscriptItem, receipts: Sequence[Receipt] = ()) -> dict[str, Any]:
    """An item with the members that all of Amazon Connect's shapes of it have; what is absent is left out."""
    members = {
        "AbsoluteTime": iso(item.at),
        "Content": item.content,
        "ContentType": item.content_type,
        "Id": item.id,
        "Type": item.type,
        "ParticipantId": item.participant_id,
        "DisplayName": item.name,
        "ParticipantRole": item.role,
        "MessageMetadata": metadata(item.id, receipts) if receipts else None,
    }
    return {name: value for name, value in members.items() if value is not None}


def wire_item(item: TranscriptItem, conversation_id: str, receipts: Sequence[Receipt] = ()) -> dict[str, Any]:
    """An item of the current conversation, for a socket or a transcript page."""
    return {**item_document(item, receipts), "InitialContactId": conversation_id, "ContactId": item.contact_id}


def metadata(message_id: str, receipts: Sequence[Receipt]) -> dict[str, Any]:
    """`MessageMetadata`: who has received and read a message."""
    return {"MessageId": message_id, "Receipts": [_receipt(receipt) for receipt in receipts]}


def _receipt(receipt: Receipt) -> dict[str, str]:
    shown = {"RecipientParticipantId": receipt.participant_id}
    if receipt.delivered_at:
        shown["DeliveredTimestamp"] = iso(receipt.delivered_at)
    if receipt.read_at:
        shown["ReadTimestamp"] = iso(receipt.read_at)
    return shown
