"""What a message, a connect, a disconnect, or a bot or supervisor who joins or leaves changes within a state."""

from __future__ import annotations

from datetime import datetime

from domain.events import Barge, Connect, Disconnect, Invite, Leave, Message
from domain.participants import ParticipantPresence, Role
from domain.refusals import RefusalCode
from domain.transcript import EventType, ItemType
from workflows.contact_changes import mark_for_archive, remove_guest
from workflows.decision import Decision, automated_message, departure_item, event_item, refuse
from workflows.participant_timers import record_speech
from workflows.state import KEPT_MESSAGE_IDS, MAX_BOTS, ConversationState
from workflows.state_parts import TrackedParticipant
from workflows.transcript_items import next_item

RESERVED_IDS = ("customer", "agent", "system", "operator")
"""Names with a special meaning in the field `by` of events; no bot can have one as its id."""


def record_message(state: ConversationState, message: Message, *, proves_presence: bool = True) -> Decision:
    """Write a message to the transcript, once for each id. An accepted message (one with an id) is written in any state.

    Args:
        state: the conversation before it.
        message: the message.
        proves_presence: whether it shows that its sender is connected.
    """
    if message.id in state.recent_message_ids:
        return Decision(state)
    sender = state.participant(message.by)
    if state.ended and message.id is None:
        return refuse(state, "message", RefusalCode.CONVERSATION_ENDED)
    if sender is None and message.role and message.name:
        left = TrackedParticipant(
            id=message.by, role=message.role, name=message.name, since=state.clock, joined_at=state.clock
        )
        return _append_message(state, message, left)
    if sender is None and message.by not in ("system", "operator"):
        return refuse(state, "message", RefusalCode.NOT_A_PARTICIPANT, by=message.by)
    decision = Decision(state)
    if sender and not state.ended and proves_presence:
        decision = decision.then(lambda s: _confirm_presence(s, sender))
    if sender and not state.ended and sender.role in (Role.CUSTOMER, Role.AGENT):
        decision = decision.then(lambda s: record_speech(s, s.participant(sender.id) or sender))
    return decision.then(lambda s: _append_message(s, message, sender))


def _append_message(state: ConversationState, message: Message, sender: TrackedParticipant | None) -> Decision:
    state, item = next_item(
        state,
        type=ItemType.ATTACHMENT if message.attachment else ItemType.MESSAGE,
        content_type=message.attachment.content_type if message.attachment else message.content_type,
        content=None if message.attachment else message.content,
        participant=sender,
        id=message.id,
        attachment=message.attachment,
    )
    if state.ended:  # it was accepted before the end: the file of the contact must be written again
        state = mark_for_archive(state)
    ids = (*state.recent_message_ids, item.id)[-KEPT_MESSAGE_IDS:]
    return Decision(state.replace(recent_message_ids=ids, last_message_at=state.clock), (item,))


def _confirm_presence(state: ConversationState, sender: TrackedParticipant) -> Decision:
    """A first message counts as joining. A message of a participant who is away restarts the time of their absence."""
    if sender.presence is ParticipantPresence.AWAITED or sender.joined_at is None:
        return _join(state, sender)
    if sender.presence is ParticipantPresence.AWAY:
        return Decision(state.with_participant(sender.away(state.clock)))
    return Decision(state)


def _join(state: ConversationState, participant: TrackedParticipant, since: datetime | None = None) -> Decision:
    connected = participant.connected(state.clock, since)
    state = state.with_participant(connected)
    if participant.joined_at is not None:
        return Decision(state)
    joined = event_item(state, EventType.JOINED, connected)
    is_agent = participant.role is Role.AGENT
    return joined.then(lambda s: automated_message(s, "agent_joined")) if is_agent else joined


def invite_bot(state: ConversationState, event: Invite) -> Decision:
    """A bot joins. It counts as connected until it leaves. Repeating the invitation changes nothing."""
    if any(bot.id == event.participant_id for bot in state.bots):
        return Decision(state)
    if state.ended:
        return refuse(state, "invite", RefusalCode.CONVERSATION_ENDED)
    if len(state.bots) >= MAX_BOTS:
        return refuse(state, "invite", RefusalCode.TOO_MANY_BOTS, limit=MAX_BOTS)
    if event.participant_id in RESERVED_IDS or state.participant(event.participant_id):
        return refuse(state, "invite", RefusalCode.PARTICIPANT_ID_TAKEN, participant_id=event.participant_id)
    bot = TrackedParticipant(id=event.participant_id, role=Role.CUSTOM_BOT, name=event.name, since=state.clock)
    former = tuple(id for id in state.former_participants if id != bot.id)
    return _join(state.replace(bots=(*state.bots, bot), former_participants=former), bot)


def barge(state: ConversationState, event: Barge) -> Decision:
    """A supervisor joins. They count as connected until they leave, or the contact ends. Repeating it changes nothing."""
    if state.rules_version < 7:
        return refuse(state, "barge", RefusalCode.OLD_RULES)
    if any(supervisor.id == event.participant_id for supervisor in state.supervisors) and not state.ended:
        return Decision(state)
    if state.ended:
        return refuse(state, "barge", RefusalCode.CONVERSATION_ENDED)
    if state.contact_id != event.contact_id:
        return refuse(state, "barge", RefusalCode.CONTACT_ENDED)
    if event.participant_id in RESERVED_IDS or state.participant(event.participant_id):
        return refuse(state, "barge", RefusalCode.PARTICIPANT_ID_TAKEN, participant_id=event.participant_id)
    supervisor = TrackedParticipant(
        id=event.participant_id, role=Role.SUPERVISOR, name=event.name, user=event.user, since=state.clock
    )
    former = tuple(id for id in state.former_participants if id != supervisor.id)
    joining = state.replace(supervisors=(*state.supervisors, supervisor), former_participants=former)
    return _join(joining.with_change_note(f"supervisor {event.user} joined"), supervisor)


def leave(state: ConversationState, event: Leave) -> Decision:
    """A bot or a supervisor leaves. After the end of the chat this changes nothing, because all left with it."""
    guest = next((each for each in (*state.bots, *state.supervisors) if each.id == event.by), None)
    if guest is None:
        return refuse(state, "leave", RefusalCode.NOT_A_BOT, by=event.by)
    if state.ended:
        return Decision(state)
    return departure_item(state, guest, trigger="left").then(lambda s: Decision(remove_guest(s, guest)))


def dismiss_supervisors(state: ConversationState) -> Decision:
    """The supervisors leave, because their contact ends and another one follows it."""
    decision = Decision(state)
    for supervisor in state.supervisors:
        decision = decision.then(lambda s, leaving=supervisor: leave(s, Leave(by=leaving.id)))
    return decision


def connect(state: ConversationState, event: Connect) -> Decision:
    """A participant's first connection is up. Late events about former participants change nothing."""
    participant = state.participant(event.by)
    if participant is None and event.by in state.former_participants:
        return Decision(state)
    if participant is None:
        return refuse(state, "connect", RefusalCode.NOT_A_PARTICIPANT, by=event.by)
    if state.ended:
        return Decision(state)
    return _join(state, participant, _connected_since(state, participant, event))


def _connected_since(state: ConversationState, participant: TrackedParticipant, event: Connect) -> datetime | None:
    """The beginning of the connection. Since version 4 of the rules it is not later than the connect itself.

    A connect can be decided late. A loss that came after it, but before the decision, counts too.
    """
    if state.rules_version < 4 or event.at is None or event.at >= state.clock:
        return None
    is_connected = participant.presence is ParticipantPresence.CONNECTED
    return max(participant.since, event.at) if is_connected else event.at


def connect_found(state: ConversationState, participant: TrackedParticipant) -> Decision:
    """A participant who counts as away has an open socket. The time of its connect is not known: any later loss counts."""
    return _join(state, participant, participant.since)


def disconnect(state: ConversationState, event: Disconnect) -> Decision:
    """A participant's last connection is lost. A loss older than the present connection changes nothing."""
    participant = state.participant(event.by)
    if participant is None and event.by in state.former_participants:
        return Decision(state)
    if participant is None:
        return refuse(state, "disconnect", RefusalCode.NOT_A_PARTICIPANT, by=event.by)
    outdated = event.at is not None and event.at < participant.since
    if state.ended or participant.presence is not ParticipantPresence.CONNECTED or outdated:
        return Decision(state)
    return Decision(state.with_participant(participant.away(_away_since(state, participant, event))))


def _away_since(state: ConversationState, participant: TrackedParticipant, event: Disconnect) -> datetime:
    """The beginning of the absence. Since version 4 of the rules it is the last sign of life of a client that fell silent."""
    if state.rules_version < 4 or event.since is None:
        return state.clock
    speaks_in_turn = participant.role in (Role.CUSTOMER, Role.AGENT)
    spoke_at = state.speech(participant.role).last_message_at if speaks_in_turn else None
    signs_of_life = filter(None, (event.since, participant.since, spoke_at))
    return min(state.clock, max(signs_of_life))
