"""Every accepted message is in the transcript once, in the order of its sender; transcripts and pasts are whole."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

from chaos.checker.evidence import Breach, Evidence
from chaos.journal import Journal, Outcome, SentMessage

PEOPLE = ("CUSTOMER", "AGENT")
CHAT_ENDED = "application/vnd.amazonaws.connect.event.chat.ended"


def check_messages(journal: Journal, evidence: Evidence) -> Iterator[Breach]:
    """Accepted: once. Sent and not accepted: at most once. Never sent: not at all. Each line in its order."""
    sent: defaultdict[str, list[SentMessage]] = defaultdict(list)
    for message in journal.messages:
        sent[message.chat].append(message)
    for chat in journal.chats:
        items = [item for item in evidence.transcripts.get(chat, ()) if item.type == "MESSAGE" and item.role in PEOPLE]
        times = Counter(item.content for item in items)
        ids = {item.content: item.id for item in items}
        for message in sent[chat]:
            found = times.pop(message.text, 0)
            if message.outcome is Outcome.ACKNOWLEDGED and found == 0:
                yield Breach("lost message", chat, f"{message.text} was accepted and is not in the transcript")
            elif found > 1:
                yield Breach("doubled message", chat, f"{message.text} is in the transcript {found} times")
            elif found and message.id and ids[message.text] != message.id:
                yield Breach("wrong id", chat, f"{message.text} has another id than its answer")
        yield from (Breach("foreign message", chat, f"{text} was sent by nobody") for text in times)
        places = {item.content: place for place, item in enumerate(items)}
        yield from _misplaced(chat, sent[chat], places)


def _misplaced(chat: str, sent: list[SentMessage], places: dict[str, int]) -> Iterator[Breach]:
    lines: defaultdict[str, list[SentMessage]] = defaultdict(list)
    for message in sent:
        if message.text in places:
            lines[message.line].append(message)
    for line in lines.values():
        for before, after in pairwise(sorted(line, key=lambda message: message.number)):
            if places[before.text] > places[after.text]:
                yield Breach("misplaced message", chat, f"{after.text} stands before {before.text}")


def check_transcripts(journal: Journal, evidence: Evidence) -> Iterator[Breach]:
    """Numbers have no holes, times grow strictly, and the store has the items that GetTranscript shows."""
    for chat in journal.chats:
        items, stored = evidence.transcripts.get(chat), evidence.items.get(chat, [])
        if items is None:
            yield Breach("no transcript", chat, "its transcript cannot be read")
            continue
        if [row["seq"] for row in stored] != list(range(1, len(stored) + 1)):
            yield Breach("hole in the numbers", chat, f"{[row['seq'] for row in stored]}")
        if [row["id"] for row in stored] != [item.id for item in items]:
            yield Breach("transcript unlike the store", chat, f"{len(items)} items are shown, {len(stored)} stored")
        for before, after in pairwise(items):
            if after.at <= before.at:
                yield Breach("times do not grow", chat, f"{after.id} is not after {before.id}")


def check_pasts(journal: Journal, evidence: Evidence) -> Iterator[Breach]:
    """The past of a chat is the whole of each chat that it continues, up to its end."""
    for chat in journal.chats.values():
        if not chat.source or chat.past is None:
            continue
        rest, source = list(chat.past), chat.source
        while source and source in journal.chats:
            items = evidence.transcripts.get(source, [])
            ids = [item.id for item in items]
            part: list[str] = []
            while rest and rest[-1] in set(ids):
                part.append(rest.pop())
            ended = next((item.id for item in items if item.content_type == CHAT_ENDED), None)
            if part[::-1] != ids[: len(part)] or (ended and ended not in part):
                yield Breach("past is not whole", chat.id, f"shows {len(part)} of {len(ids)} items of {source}")
            source = journal.chats[source].source
        if rest:
            yield Breach("foreign past", chat.id, f"{len(rest)} items belong to no chat that it continues")
