"""The fan-out: from what is committed to the sockets of this process, by cursor.

Each conversation with sockets here has a channel. An announcement only wakes it; what goes out is read from the store,
so a lost announcement delays (until the next look) and never loses, doubles or reorders.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from store.documents import wire_item

from api.frames import CHAT_ENDED, LEFT, TRANSFERRED, chat_frame, passing_event
from api.running import Running
from runtime.bus import Announcement, Bus
from store import conversations, transcript
from store.database import Database
from store.records import Conversation, Item

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How often the store is asked for news that no announcement told of."""

READ_ITEMS = 200
QUEUED_FRAMES = 1_000
"""Frames a socket may lag behind before it is dropped; its client reconnects and goes on where it was."""

REMEMBERED_PARTICIPANTS = 20_000

SILENT_SECONDS = 15.0
"""A socket that has sent heartbeats and then none for so long is dead, whatever TCP believes; they come every 10 s."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Text for one socket; `seq` when it carries a transcript item, `last` when nothing may follow it."""

    text: str
    seq: int = 0
    last: bool = False


@dataclass(eq=False)
class Subscriber:
    """One subscribed socket. `sent` is the last item handed to its connection, `arrived` the last one surely received."""

    participant_id: str
    conversation_id: str
    overflow: Callable[[], None]
    frames: asyncio.Queue[Frame] = field(default_factory=lambda: asyncio.Queue(QUEUED_FRAMES))
    sent: int = 0
    arrived: int = 0
    _answered: int = 0
    _beat_at: float | None = None

    def start(self, seq: int) -> None:
        """Says that the client has everything up to this item."""
        self.sent = self.arrived = self._answered = seq

    def beat(self) -> None:
        """Notes a heartbeat. A client sends its next one only when the last was answered: what went before has arrived."""
        self.arrived, self._answered, self._beat_at = self._answered, self.sent, time.monotonic()

    @property
    def silent(self) -> bool:
        """Whether its heartbeats have stopped."""
        return self._beat_at is not None and time.monotonic() - self._beat_at > SILENT_SECONDS

    @property
    def reached(self) -> int:
        """Where the next socket goes on; after a dead one rather too early, since clients know an item again by its id."""
        return self.arrived if self.silent else self.sent

    def offer(self, frame: Frame) -> None:
        """Queues a frame, or drops the socket when it lags too far behind."""
        try:
            self.frames.put_nowait(frame)
        except asyncio.QueueFull:
            self.overflow()


class _Channel:
    """The sockets of one conversation, and how far they have been served."""

    def __init__(self) -> None:
        self.subscribers: set[Subscriber] = set()
        self.cursor = -1
        self.lock = asyncio.Lock()
        self.pump: asyncio.Task[None] | None = None
        self.again = False


class Hub(Running):
    """All channels of this process."""

    def __init__(self, db: Database, bus: Bus) -> None:
        self._db = db
        self._channels: dict[str, _Channel] = {}
        self._served: OrderedDict[str, int] = OrderedDict()
        bus.listen(self._hear)

    def sockets(self, participant_id: str, conversation_id: str) -> int:
        """How many sockets a participant has here."""
        channel = self._channels.get(conversation_id)
        return sum(s.participant_id == participant_id for s in channel.subscribers) if channel else 0

    async def join(self, subscriber: Subscriber, welcome: Callable[[Conversation, str], Sequence[Frame]]) -> bool:
        """Lets a socket have everything from now on, or from where its participant's last socket stopped.

        The welcome, made of the conversation and its latest contact, goes first, and only once the place is fixed from
        which on nothing is missed: a client that has it and then reads the transcript finds there what came before.
        Who has left is looked up after that, too: of leaving before it no frame would come, of leaving after it one will.

        Returns:
            False when nothing is to come for this participant, who has left.
        """
        channel = self._channels.setdefault(subscriber.conversation_id, _Channel())
        async with channel.lock:
            if channel.cursor < 0:
                heads = await transcript.heads(self._db, [subscriber.conversation_id])
                channel.cursor = heads.get(subscriber.conversation_id, 0)
            # first to those who are here: what once made the newcomer leave, who is back since, must not reach them as new
            await self._bring_up_to_date(subscriber.conversation_id, channel)
            position = self._resume_from(subscriber, channel)
            found = await conversations.find_participant(self._db, subscriber.participant_id)
            if found is None:
                return False
            participant, conversation, contact_id = found
            customer = participant.role == "CUSTOMER"
            if participant.left_at is not None and not (customer and position < channel.cursor):
                return False
            # an agent who comes back has the other legs in the transcript; here they would bring the transfers,
            # and each makes the ChatJS of an agent stop listening
            theirs = None if participant.role != "AGENT" else contact_id
            subscriber.start(position)
            for frame in welcome(conversation, contact_id):
                subscriber.offer(frame)
            while missed := await self._read(subscriber.conversation_id, position, until=channel.cursor):
                for item in missed:
                    if theirs in (None, item.contact_id):
                        subscriber.offer(_frame(item, subscriber.conversation_id))
                position = missed[-1].seq
            channel.subscribers.add(subscriber)
            self._channels[subscriber.conversation_id] = channel
        self._wake(subscriber.conversation_id)
        return True

    def leave(self, subscriber: Subscriber) -> None:
        """Ends a socket's subscription and remembers how far it came."""
        self._served[subscriber.participant_id] = max(
            subscriber.reached, self._served.pop(subscriber.participant_id, 0)
        )
        while len(self._served) > REMEMBERED_PARTICIPANTS:
            self._served.popitem(last=False)
        channel = self._channels.get(subscriber.conversation_id)
        if channel is None:
            return
        channel.subscribers.discard(subscriber)
        if not channel.subscribers and not channel.lock.locked():
            del self._channels[subscriber.conversation_id]

    def _resume_from(self, subscriber: Subscriber, channel: _Channel) -> int:
        """The last item that the client has: of a participant with a living socket, all; without one, what those had."""
        others = [other for other in channel.subscribers if other.participant_id == subscriber.participant_id]
        if any(not other.silent for other in others):
            return channel.cursor
        reached = [other.reached for other in others]
        if subscriber.participant_id in self._served:
            reached.append(self._served[subscriber.participant_id])
        return max(reached, default=channel.cursor)

    def _hear(self, news: Announcement) -> None:
        channel = self._channels.get(news.conversation_id)
        if channel is None:
            return
        if news.frame is None:
            self._wake(news.conversation_id)
            return
        frame = Frame(chat_frame(news.frame), last=news.frame["ContentType"] == CHAT_ENDED)
        for subscriber in tuple(channel.subscribers):
            if news.only_to in (None, subscriber.participant_id):
                subscriber.offer(frame)

    def _wake(self, conversation_id: str) -> None:
        channel = self._channels.get(conversation_id)
        if channel is None:
            return
        channel.again = True
        if channel.pump is None or channel.pump.done():
            channel.pump = asyncio.create_task(self._serve(conversation_id, channel))

    async def _serve(self, conversation_id: str, channel: _Channel) -> None:
        while channel.again:
            channel.again = False
            try:
                async with channel.lock:
                    await self._bring_up_to_date(conversation_id, channel)
            except Exception:
                logger.exception("cannot read the news of %s; the next look tries again", conversation_id)

    async def _bring_up_to_date(self, conversation_id: str, channel: _Channel) -> None:
        while news := await self._read(conversation_id, channel.cursor):
            for item in news:
                for subscriber in tuple(channel.subscribers):
                    for frame in _frames_for(subscriber, item):
                        subscriber.offer(frame)
            channel.cursor = news[-1].seq

    async def _read(self, conversation_id: str, after: int, until: int | None = None) -> list[Item]:
        if until is not None and after >= until:
            return []
        items = await transcript.page(
            self._db, conversation_id, transcript.Span(after + 1, forward=True), limit=READ_ITEMS
        )
        return [item for item in items if until is None or item.seq <= until]

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look()
            except Exception:
                logger.exception("cannot look for news; trying again")

    async def _look(self) -> None:
        for idle in [name for name, channel in self._channels.items() if not channel.subscribers]:
            if not self._channels[idle].lock.locked():
                del self._channels[idle]
        behind = list(self._channels)
        for start in range(0, len(behind), READ_ITEMS):
            heads = await transcript.heads(self._db, behind[start : start + READ_ITEMS])
            for conversation_id, head in heads.items():
                channel = self._channels.get(conversation_id)
                if channel and 0 <= channel.cursor < head:
                    self._wake(conversation_id)


def _frames_for(subscriber: Subscriber, item: Item) -> list[Frame]:
    """The item as one socket gets it. To an agent who has left, what follows is not sent: it is no longer theirs.

    Who transferred the chat is told so. Where something else made them leave (its trigger: a survey, parking, their own
    silence...), the chat goes on without them, and they are told that it is over, as for them it is.
    """
    frame = _frame(item, subscriber.conversation_id)
    if item.participant_id != subscriber.participant_id:
        return [frame]
    if item.content_type == TRANSFERRED:
        return [replace(frame, last=True)]
    if item.content_type == LEFT and item.trigger is not None:
        over = passing_event(CHAT_ENDED, conversation_id=subscriber.conversation_id, contact_id=item.contact_id)
        return [frame, Frame(chat_frame(over), last=True)]
    return [frame]


def _frame(item: Item, conversation_id: str) -> Frame:
    return Frame(chat_frame(wire_item(item, conversation_id)), seq=item.seq, last=item.content_type == CHAT_ENDED)
