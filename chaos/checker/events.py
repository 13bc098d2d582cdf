"""The feed tells what happened: all of it, once, in order; and the webhook gets all that the feed has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from chaos.checker.evidence import Breach, Evidence
from chaos.journal import FollowedEvent, Journal

CLOSED = "conversation.closed"


def check_feed(journal: Journal, evidence: Evidence) -> Iterator[Breach]:
    """The numbers of a chat have no gap and come in order; its messages are those of the transcript; its end has an event."""
    events = _by_chat(journal.followed)
    for chat in journal.chats:
        own = events[chat]
        if [event.seq for event in own] != list(range(1, len(own) + 1)):
            yield Breach("hole in the feed", chat, f"{[event.seq for event in own]}")
        messages = [event.id for event in own if event.type == "message.created"]
        items = [item.id for item in evidence.transcripts.get(chat, ()) if item.type == "MESSAGE"]
        if messages != items:
            yield Breach(
                "feed unlike the transcript", chat, f"{len(messages)} messages have an event, {len(items)} are shown"
            )
        is_closed = evidence.conversations.get(chat, {}).get("state") == "CLOSED"
        if is_closed != any(event.type == CLOSED for event in own):
            yield Breach("feed unlike the record", chat, "it has the event of its end and is open, or the reverse")


def check_webhook(journal: Journal, _: Evidence) -> Iterator[Breach]:
    """The receiver has each event of the feed at least once. The first arrivals of a chat come in order."""
    received = _by_chat(dict.fromkeys(journal.received))
    for chat, events in _by_chat(journal.followed).items():
        numbers = [event.seq for event in received[chat]]
        if numbers != sorted(numbers):
            yield Breach("webhook out of order", chat, f"{numbers}")
        if missing := {*events} - {*received[chat]}:
            yield Breach("event not delivered", chat, f"{len(missing)} events, such as {min(missing)}")


def _by_chat(events: Iterable[FollowedEvent]) -> defaultdict[str, list[FollowedEvent]]:
    found: defaultdict[str, list[FollowedEvent]] = defaultdict(list)
    for event in events:
        found[event.chat].append(event)
    return found
