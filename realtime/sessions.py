"""The participants who send and receive, with their conversations, in the memory of an API process."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

from domain.errors import AccessDenied, ConversationEnded
from domain.participants import Role
from engine.client import ConversationClient
from runtime.bus import ANNOUNCEMENTS_LOST, Announcement, Bus
from runtime.metrics import ApiMetrics
from store import conversations
from store.database import Database
from store.records import StoredConversation, StoredParticipant

MAX_AGE_SECONDS = 5.0
"""How old a session may be: an announcement of a change can be lost."""

MAX_CONVERSATIONS = 20_000


@dataclass(frozen=True, slots=True)
class Session:
    """An authenticated participant.

    Attributes:
        contact_id: the latest contact of the conversation.
        agent_identity: of an agent or a supervisor; None of all others.
        has_supervisor: whether a supervisor takes part in the chat, so that all see them.
    """

    participant: StoredParticipant
    conversation: StoredConversation
    contact_id: str
    agent_identity: str | None = None
    has_supervisor: bool = False

    @property
    def is_over(self) -> bool:
        """Whether the chat has ended, or the participant has left it."""
        return self.conversation.ended_at is not None or self.participant.left_at is not None

    @property
    def left_at(self) -> datetime | None:
        """When the participant left a chat that went on without them; None if they did not. Later items are not theirs."""
        left, ended = self.participant.left_at, self.conversation.ended_at
        return left if left is not None and (ended is None or left < ended) else None

    @property
    def is_supervisor(self) -> bool:
        """Whether the participant is a supervisor, silent or not."""
        return self.participant.role is Role.SUPERVISOR

    def require_may_send(self) -> None:
        """Check that the participant may send something.

        Raises:
            ConversationEnded: as `require_active`.
            AccessDenied: they are a supervisor who monitors silently.
        """
        self.require_active()
        if self.is_supervisor and self.participant.joined_at is None:
            raise AccessDenied("A supervisor who monitors silently sends nothing. Barge in first.")

    def require_active(self) -> None:
        """Check that the chat has not ended and the participant has not left it.

        Raises:
            ConversationEnded: the chat has ended, or the participant has left it.
        """
        if self.is_over:
            raise ConversationEnded


@dataclass(slots=True, eq=False)
class _Read:
    """A read of the store that is under way. Each is itself alone, because several of a conversation can be under way."""

    is_outdated: bool = False


@dataclass(slots=True)
class _Conversation:
    sessions: dict[str, tuple[Session, float]] = field(default_factory=dict)
    reads: list[_Read] = field(default_factory=list)


class Sessions:
    """The sessions of one process.

    An announced change takes effect at once, a change whose announcement is lost after `MAX_AGE_SECONDS`. The end of a chat can
    always follow the check of a session. So the conversation records a message that was accepted before.
    """

    def __init__(self, db: Database, bus: Bus, engine: ConversationClient, metrics: ApiMetrics | None = None) -> None:
        self._db = db
        lookups = (metrics or ApiMetrics()).session_lookups
        self._hits, self._misses = lookups.labels("hit"), lookups.labels("miss")
        self._conversations: OrderedDict[str, _Conversation] = OrderedDict()
        bus.subscribe(self._receive)
        # the announcement of another process may come after the answer to the command
        engine.subscribe(self.forget)

    async def find(self, participant_id: str, conversation_id: str) -> Session | None:
        """The session of a participant; None when the conversation has no such participant."""
        conversation = self._conversations.get(conversation_id)
        known = conversation and conversation.sessions.get(participant_id)
        if known and known[1] > monotonic():
            self._hits.inc()
            return known[0]
        self._misses.inc()
        return await self.read(participant_id, conversation_id)

    async def read(self, participant_id: str, conversation_id: str) -> Session | None:
        """The session of a participant, read anew from the store. See `find`."""
        conversation = self._conversations.setdefault(conversation_id, _Conversation())
        while len(self._conversations) > MAX_CONVERSATIONS:
            self._conversations.popitem(last=False)
        read, expires_at = _Read(), monotonic() + MAX_AGE_SECONDS
        conversation.reads.append(read)
        try:
            found = await conversations.find_participant(self._db, participant_id)
        finally:
            conversation.reads.remove(read)
        if found is None or found[1].id != conversation_id:
            return None
        session = Session(*found)
        if not read.is_outdated:
            conversation.sessions[participant_id] = (session, expires_at)
        return session

    def forget(self, conversation_id: str) -> None:
        """Read the sessions of a conversation anew, because its record has changed."""
        conversation = self._conversations.get(conversation_id)
        if conversation:
            conversation.sessions.clear()
            for read in conversation.reads:
                read.is_outdated = True

    def _receive(self, announcement: Announcement) -> None:
        if announcement == ANNOUNCEMENTS_LOST:
            for conversation_id in self._conversations:
                self.forget(conversation_id)
        elif announcement.record_changed:
            self.forget(announcement.conversation_id)
