"""The keyword arguments of `ConversationState.replace`: every field of the state, with its type."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from domain.contacts import Contact, EndReason, InitiationMethod
from domain.conversation import State
from domain.events import TimerSetting
from domain.participants import Role
from domain.policy import Policy
from domain.routing import EndedOffer
from workflows.state_parts import (
    ChangeNote,
    DecidedCommand,
    DroppedDeadline,
    PendingOffer,
    QueueHours,
    RecordedRefusal,
    SpeechRecord,
    TrackedParticipant,
    UnarchivedContact,
)


class StateChanges(TypedDict, total=False):
    """Changes to fields of a state. A test compares the fields with those of `workflows.state.ConversationState`."""

    rules_version: int
    id: str
    instance: str
    workstream: str
    queue: str
    policy: Policy
    contact_id: str
    customer_id: str | None
    is_customer_signed: bool
    state: State
    since: datetime
    started_at: datetime
    clock: datetime
    customer: TrackedParticipant
    agent: TrackedParticipant | None
    agent_assigned_at: datetime | None
    agent_since: datetime | None
    agent_since_seq: int
    parked_by: TrackedParticipant | None
    initiation: InitiationMethod
    previous_contact_id: str | None
    past_contact_ids: tuple[str, ...]
    contact_began_at: datetime | None
    unrecorded_contacts: tuple[Contact, ...]
    unrecorded_departures: tuple[TrackedParticipant, ...]
    unrecorded_answers: tuple[tuple[str, str], ...]
    unrecorded_offers: tuple[EndedOffer, ...]
    former_participants: tuple[str, ...]
    bots: tuple[TrackedParticipant, ...]
    supervisors: tuple[TrackedParticipant, ...]
    found_connected: tuple[str, ...]
    unarchived: tuple[UnarchivedContact, ...]
    served_contact: Contact | None
    agent_done_at: datetime | None
    survey_step: int | None
    survey_since: datetime | None
    last_speaker: Role | None
    last_message_at: datetime | None
    customer_speech: SpeechRecord
    agent_speech: SpeechRecord
    participant_timers: tuple[TimerSetting, ...]
    hours: QueueHours | None
    offer: PendingOffer | None
    past_offers: tuple[EndedOffer, ...]
    agent_accepted: bool
    ahead: bool
    announced_position: int | None
    wait_announced: bool
    dropped_deadlines: tuple[DroppedDeadline, ...]
    ended_at: datetime | None
    end_reason: EndReason | None
    closed_at: datetime | None
    commits: int
    decided_commands: tuple[DecidedCommand, ...]
    revision: int
    seq: int
    last_item_at: datetime | None
    recent_message_ids: tuple[str, ...]
    refusals: tuple[RecordedRefusal, ...]
    refused_count: int
    change_notes: tuple[ChangeNote, ...]
    notice_count: int
    language: str
