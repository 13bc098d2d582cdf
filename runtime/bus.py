"""Announcements between processes: a transcript has grown, routing has changed, or an event that is not stored (typing).

Within one process they are function calls. Between processes they travel over a socket (`runtime/socket_bus.py`) or PostgreSQL
(`runtime/postgres_bus.py`). An announcement may be lost: every listener also polls the store.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from domain.transcript import TranscriptItem


class Announcement(NamedTuple):
    """One announcement of a change.

    Without a frame it says that the transcript has grown, unless only the record has changed.
    """

    conversation_id: str
    """The conversation, or a topic such as `ROUTING`. Conversation ids are UUIDs, so no topic is a conversation id."""
    frame: dict[str, Any] | None = None
    """An event that is not stored, for the open sockets; or the details of a topic."""
    only_to: str | None = None
    """The participant who gets the event. None: all participants."""
    items: tuple[TranscriptItem, ...] = ()
    """The stored items with which the transcript has grown, in order. Empty: read the store."""
    record_changed: bool = False
    """Whether the record of the conversation has changed: its state, contacts, participants or attributes."""
    traces: tuple[tuple[str, str], ...] = ()
    """The ids of messages among the items, each with the context of its recorded trace (W3C `traceparent`)."""

    @property
    def transcript_has_grown(self) -> bool:
        """Whether the transcript has new items."""
        return self.frame is None and (bool(self.items) or not self.record_changed)


ROUTING = "routing"
"""The topic of changes in routing."""


def routing_has_changed(instance: str, queue: str, agent: str | None = None) -> Announcement:
    """The announcement that a conversation waits in a queue, or that an agent may have free capacity."""
    return Announcement(ROUTING, {"instance": instance, "queue": queue, "agent": agent})


AGENT_EVENTS = "agent_events"
"""The topic of agent events. An announcement with the topic `ROUTING` can mean agent events, too."""

AGENT_EVENTS_WRITTEN = Announcement(AGENT_EVENTS)
"""The announcement of agent events without a change that concerns the dispatcher."""


DISPATCHER_STOPPED = Announcement("dispatcher_stopped")
"""A process has stopped to serve queues, and another one may begin."""


WORKER_RUNS = Announcement("worker_runs")
"""A worker process takes tasks from now on."""


HANDED_OVER = "handed_over"
"""The topic of sockets whose clients continue in another process."""


def handed_over(participant_id: str, seq: int) -> Announcement:
    """The announcement that the next socket of a participant continues after an item, wherever it opens."""
    return Announcement(HANDED_OVER, {"participant": participant_id, "seq": seq})


STREAMS = "streams"
"""The topic of chats that are streamed from now on, or no longer."""


def stream_has_changed(instance: str, topic: str, conversation_id: str, stream_id: str | None) -> Announcement:
    """The announcement that a chat is streamed to a topic. `stream_id`: None when that has ended."""
    return Announcement(STREAMS, {"key": [instance, topic], "conversation": conversation_id, "stream": stream_id})


ANNOUNCEMENTS_LOST = Announcement("look_into_the_store")
"""Announcements were lost: whatever is kept or awaited must be read anew."""


Listener = Callable[[Announcement], None]


class Bus(Protocol):
    """Carries announcements to the listeners in all processes, at most once each, and in order per sender."""

    @property
    def is_listening(self) -> bool:
        """Whether announcements of other processes arrive at present."""
        ...

    async def announce(self, announcement: Announcement) -> None:
        """Send an announcement to every listener, including those in this process."""
        ...

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` with every later announcement. It must not block."""
        ...

    async def start(self) -> None:
        """Begin to send and receive."""
        ...

    async def stop(self) -> None:
        """End sending and receiving."""
        ...


class LocalBus:
    """A bus within one process."""

    is_listening = True
    """Always: there is no connection that could be lost."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    async def announce(self, announcement: Announcement) -> None:
        """Call the listeners before returning."""
        for listener in self._listeners:
            listener(announcement)

    def subscribe(self, listener: Listener) -> None:
        """See `Bus`."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Do nothing: listeners get announcements without it."""

    async def stop(self) -> None:
        """Do nothing: no task or connection is open."""


def encoded(announcement: Announcement) -> bytes:
    """The announcement as one line of JSON in UTF-8. Lone surrogates cannot be encoded and become "?"."""
    stored = tuple(item.model_dump(mode="json") for item in announcement.items)
    values: list[Any] = [*announcement._replace(items=stored)]
    if not announcement.traces:
        del values[-1]
    # not ASCII, because escapes would be up to three times as long
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def decoded(line: bytes | str) -> Announcement:
    """The announcement that `encoded` has encoded."""
    conversation_id, frame, only_to, items, record_changed, *rest = json.loads(line)
    stored = tuple(TranscriptItem.model_validate(item) for item in items)
    traces = tuple((id, traceparent) for id, traceparent in rest[0]) if rest else ()
    return Announcement(conversation_id, frame, only_to, stored, record_changed, traces)
