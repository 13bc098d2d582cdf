"""Creates transcript items. Numbers, ids and instants are derived from the state, so that a replay creates equal items."""

from __future__ import annotations

from datetime import datetime

from domain.attachments import Attachment
from domain.instants import MILLISECOND, whole_milliseconds
from domain.participants import Role
from domain.transcript import SYSTEM_NAME, ItemType, TranscriptItem
from workflows.state import ConversationState, derived_id
from workflows.state_parts import TrackedParticipant


def next_item(
    state: ConversationState,
    *,
    type: ItemType,
    content_type: str,
    content: str | None = None,
    participant: TrackedParticipant | None = None,
    id: str | None = None,
    trigger: str | None = None,
    attachment: Attachment | None = None,
) -> tuple[ConversationState, TranscriptItem]:
    """Create the next transcript item. Returns it with the state after it.

    Args:
        state: the conversation before the item.
        type: whether it is a message, an attachment or an event.
        content_type: its content type.
        content: its text; None for an attachment and for an event.
        participant: its sender; None for the system.
        id: its id; None derives one from its number.
        trigger: the cause of a message of the system.
        attachment: the file of an attachment.
    """
    seq, at = state.seq + 1, _next_instant(state)
    item = TranscriptItem(
        id=id or derived_id(state.id, f"item/{seq}"),
        seq=seq,
        at=at,
        contact_id=state.contact_id,
        type=type,
        content_type=content_type,
        content=content,
        participant_id=participant.id if participant else None,
        role=participant.role if participant else Role.SYSTEM,
        name=participant.name if participant else SYSTEM_NAME,
        trigger=trigger,
        attachment=attachment,
    )
    return state.replace(seq=seq, last_item_at=at), item


def notice_item(
    state: ConversationState,
    *,
    type: ItemType,
    content_type: str,
    content: str | None,
    participant: TrackedParticipant | None,
    trigger: str | None,
) -> tuple[ConversationState, TranscriptItem]:
    """Create an item for a notice: it is not part of the transcript, and has no number."""
    count = state.notice_count + 1
    item = TranscriptItem(
        id=derived_id(state.id, f"notice/{count}"),
        seq=0,
        at=state.clock,
        contact_id=state.contact_id,
        type=type,
        content_type=content_type,
        content=content,
        participant_id=participant.id if participant else None,
        role=participant.role if participant else Role.SYSTEM,
        name=participant.name if participant else SYSTEM_NAME,
        trigger=trigger,
    )
    return state.replace(notice_count=count), item


def _next_instant(state: ConversationState) -> datetime:
    """The clock in whole milliseconds, but later than every earlier item."""
    at = whole_milliseconds(state.clock)
    return at if state.last_item_at is None else max(at, state.last_item_at + MILLISECOND)
