"""The feed of transcript items to the sockets of participants."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.participants import Role
from domain.transcript import ItemType, TranscriptItem
from realtime.feed import Feed
from realtime.frame_traces import FrameTraces
from realtime.socket import Frame, FrameQueue
from runtime.bus import ANNOUNCEMENTS_LOST, HANDED_OVER, Announcement, Bus, handed_over
from runtime.metrics import ApiMetrics
from store import conversations, transcript
from store.database import Database
from store.records import StoredConversation
from wire.frames import CHAT_ENDED, LEFT, TRANSFERRED, chat_frame, transient_event
from wire.items import item_with_contact

ITEMS_PER_PAGE = 200

REMEMBERED_PARTICIPANTS = 20_000

HEARTBEAT_TIMEOUT_SECONDS = 15.0
"""Time without a heartbeat, after the first one, after which a socket counts as dead. ChatJS sends one every 10 s."""

_GUESTS = (Role.CUSTOM_BOT, Role.SUPERVISOR)

_GONE = ""
"""The identity of a participant who has left. No agent has it."""

Welcome = Callable[[StoredConversation, str], Sequence[Frame]]
"""The first frames of a subscription, made from the conversation and the id of its latest contact."""


def _no_frames(_conversation: StoredConversation, _contact_id: str) -> Sequence[Frame]:
    return ()


@dataclass(eq=False)
class TranscriptSubscriber:
    """One subscribed socket of a participant."""

    participant_id: str
    key: str
    """The conversation's id."""
    frames: FrameQueue
    welcome: Welcome = _no_frames
    agent_identity: str | None = None
    """The identity of an agent, with which the right to receive ends; None of all others."""
    cursor: int = 0
    traces: FrameTraces | None = None
    """The traces to which the frames of new items belong. The feed sets them."""
    may_leave_early: bool = False
    """Whether the chat can go on without this participant: an agent, a bot or a supervisor."""
    ends_with_contact: bool = False
    """Whether items of a contact that follows are not for this participant: a supervisor monitors one contact."""
    _only_contact: str | None = None
    _received: int = 0
    _sent_at_heartbeat: int = 0
    _heartbeat_at: float | None = None

    def begin(self, seq: int, only_contact: str | None) -> None:
        """Start after an item, the last that the client has. Of earlier items, sends those of `only_contact`; None: all."""
        self.cursor = self.frames.sent = self._received = self._sent_at_heartbeat = seq
        self._only_contact = only_contact

    def note_heartbeat(self) -> None:
        """Record a heartbeat of the client.

        A client sends a heartbeat only after the answer to the previous one. So it has received all frames before that answer.
        """
        self._received, self._sent_at_heartbeat = self._sent_at_heartbeat, self.frames.sent
        self._heartbeat_at = time.monotonic()

    @property
    def is_dead(self) -> bool:
        """Whether the heartbeats have stopped."""
        return self._heartbeat_at is not None and time.monotonic() - self._heartbeat_at > HEARTBEAT_TIMEOUT_SECONDS

    @property
    def resume_point(self) -> int:
        """The last item that the participant's next socket need not send.

        Of a dead socket it may be too early, so that no item is lost: clients recognise repeated items by their id.
        """
        return self._received if self.is_dead else self.frames.sent

    def catch_up(self, entry: TranscriptItem) -> None:
        """Queue an item from before the subscription."""
        if self._only_contact in (None, entry.contact_id):
            self.frames.put(_frame(entry, self.key))

    def deliver_rest(self, entries: Sequence[TranscriptItem]) -> None:
        """Queue the last items of the contact: the store has its end already."""
        for entry in entries:
            if entry.seq > self.cursor:
                self.cursor = entry.seq
                self.deliver(entry)

    def deliver(self, entry: TranscriptItem) -> None:
        """Queue a new item, and the end of the chat if the participant leaves with it."""
        if self.ends_with_contact and self._only_contact != entry.contact_id:
            return
        first, *others = _frames(entry, self.participant_id, self.key)
        if self.traces and (on_sent := self.traces.of(entry.id)):
            first = replace(first, on_sent=on_sent)
        for frame in (first, *others):
            self.frames.put(frame)


class TranscriptFeed(Feed[str, TranscriptItem, TranscriptSubscriber]):
    """The subscribed conversations of one process, by id."""

    def __init__(self, db: Database, bus: Bus, metrics: ApiMetrics | None = None) -> None:
        self._db = db
        self._reconnects = (metrics or ApiMetrics()).reconnects
        self._bus = bus
        self._resume_points: OrderedDict[str, int] = OrderedDict()
        self._traces = FrameTraces()
        super().__init__("transcript items")
        bus.subscribe(self._receive)

    def leave(self, subscriber: TranscriptSubscriber) -> None:
        """End a subscription. Stores the item after which the participant's next socket resumes."""
        super().leave(subscriber)
        self._remember(subscriber.participant_id, subscriber.resume_point)

    async def hand_over(self, subscriber: TranscriptSubscriber) -> None:
        """End a subscription that the participant continues in another process: tell it the item after which it resumes."""
        self.leave(subscriber)
        subscriber.frames.close()
        await self._bus.announce(handed_over(subscriber.participant_id, subscriber.resume_point))

    def _remember(self, participant_id: str, resume_point: int) -> None:
        self._resume_points[participant_id] = max(resume_point, self._resume_points.pop(participant_id, 0))
        while len(self._resume_points) > REMEMBERED_PARTICIPANTS:
            self._resume_points.popitem(last=False)

    async def heads(self, keys: Collection[str]) -> Mapping[str, int]:
        """The number of the last item of each conversation."""
        found = await transcript.heads(self._db, keys)
        return {key: found.get(key, 0) for key in keys}

    async def read(self, key: str, after: int) -> Sequence[TranscriptItem]:
        """A page of the items of a conversation."""
        start = transcript.PageStart(after + 1, forward=True)
        return await transcript.page(self._db, key, start, limit=ITEMS_PER_PAGE)

    async def admit(self, subscriber: TranscriptSubscriber, others: Collection[TranscriptSubscriber]) -> int | None:
        """Start where the participant's last socket stopped, else with the next item. Refuses a participant who has left.

        The welcome is queued first: a client that has received it and then reads the transcript misses nothing. A customer who
        has left still gets the items that their last socket did not send.
        """
        head = (await self.heads([subscriber.key]))[subscriber.key]
        resume_point = self._resume_point(subscriber.participant_id, others, head)
        # after the head is known: a departure before this query is refused here, a later one is delivered as an item
        found = await conversations.find_participant(self._db, subscriber.participant_id)
        if found is None:
            return None
        participant, conversation, contact_id, agent_identity, _ = found
        if agent_identity != subscriber.agent_identity:
            return None
        subscriber.may_leave_early = participant.role != "CUSTOMER"
        # a receipt says that the client has the message and all before it, also when its socket has died since
        resume_point = max(resume_point, participant.delivered_seq)
        misses_items = participant.role == "CUSTOMER" and resume_point < head
        if participant.left_at is not None and not misses_items:
            return None
        # an agent has the other contacts in the transcript; each `transfer.succeeded` makes the ChatJS of an agent unsubscribe
        subscriber.traces = self._traces
        is_at_work = participant.role in (Role.AGENT, Role.SUPERVISOR)
        subscriber.begin(resume_point, only_contact=contact_id if is_at_work else None)
        subscriber.ends_with_contact = participant.role is Role.SUPERVISOR
        for frame in subscriber.welcome(conversation, contact_id):
            subscriber.frames.put(frame)
        return head

    async def end_revoked(self, keys: Collection[str], pending: Sequence[TranscriptItem] = ()) -> None:
        """End the sockets of those who have left, and of agents who were taken out of the configuration."""
        departing = {item.participant_id for item in pending if item.content_type in (LEFT, TRANSFERRED)}
        guarded = [
            each
            for key in keys
            for each in self.subscribers(key)
            if each.may_leave_early and each.participant_id not in departing
        ]
        if not guarded:
            return
        present = await conversations.present_participants(self._db, {each.participant_id for each in guarded})
        for subscriber in guarded:
            identity = present.get(subscriber.participant_id, _GONE)
            if identity != subscriber.agent_identity:
                if subscriber.ends_with_contact and identity == _GONE:
                    subscriber.deliver_rest(pending)
                self.leave(subscriber)
                subscriber.frames.put(_end_for_one(subscriber.key, subscriber.key))

    def _resume_point(self, participant_id: str, others: Collection[TranscriptSubscriber], head: int) -> int:
        """The last item that the participant has: the last one of a live socket, else the last one that earlier sockets sent."""
        own = [other for other in others if other.participant_id == participant_id]
        if alive := [other.cursor for other in own if not other.is_dead]:
            return max(alive)
        known = [other.resume_point for other in own]
        if participant_id in self._resume_points:
            self._reconnects.inc()
            known.append(self._resume_points[participant_id])
        return max(known, default=head)

    def _receive(self, announcement: Announcement) -> None:
        if announcement == ANNOUNCEMENTS_LOST:
            self.poll_soon()
            return
        if announcement.conversation_id == HANDED_OVER and announcement.frame:
            self._remember(announcement.frame["participant"], announcement.frame["seq"])
            return
        subscribers = self.subscribers(announcement.conversation_id)
        if not subscribers:
            return
        if announcement.transcript_has_grown:
            self._deliver_announced(announcement)
        if announcement.record_changed and any(each.may_leave_early for each in subscribers):
            self.wake(announcement.conversation_id)
        if announcement.frame is None:
            return
        frame = Frame(chat_frame(announcement.frame), last=announcement.frame["ContentType"] == CHAT_ENDED)
        for subscriber in subscribers:
            if announcement.only_to in (None, subscriber.participant_id):
                subscriber.frames.put(frame)

    def _deliver_announced(self, announcement: Announcement) -> None:
        self._traces.note(announcement.conversation_id, announcement.traces)
        if announcement.items:
            self.deliver(announcement.conversation_id, announcement.items)
        else:
            self.wake(announcement.conversation_id)


def _frames(item: TranscriptItem, participant_id: str, conversation_id: str) -> list[Frame]:
    """The frames of a new item for one participant. The frame with which the participant leaves is the last one.

    After a transfer the agent's last frame is `transfer.succeeded`. If the agent leaves for another reason that has a trigger
    (survey, parking, their own silence), the chat continues without them, and their last frame is `chat.ended`. So it is for a
    bot or a supervisor, whether the chat continues or not.
    """
    # the system's messages have the instant of their cause, which can lie in the past
    is_sent = item.type is not ItemType.EVENT and item.participant_id is not None
    frame = _frame(item, conversation_id, item.at if is_sent else None)
    if item.participant_id != participant_id:
        return [frame]
    if item.content_type == TRANSFERRED:
        return [replace(frame, last=True)]
    if item.content_type == LEFT and (item.trigger is not None or item.role in _GUESTS):
        return [frame, _end_for_one(conversation_id, item.contact_id)]
    return [frame]


def _end_for_one(conversation_id: str, contact_id: str) -> Frame:
    """The last frame of a participant without whom the chat goes on."""
    ended = transient_event(CHAT_ENDED, conversation_id=conversation_id, contact_id=contact_id)
    return Frame(chat_frame(ended), last=True)


def _frame(item: TranscriptItem, conversation_id: str, accepted_at: datetime | None = None) -> Frame:
    text, last = chat_frame(item_with_contact(item, conversation_id)), item.content_type == CHAT_ENDED
    return Frame(text, item.seq, last, accepted_at)
