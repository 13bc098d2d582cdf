"""What sockets showed, with what their clients read after each reconnect, is the transcript: in order, once, without holes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from chaos.checker.evidence import Breach, Evidence, Item
from chaos.journal import Journal, SocketRecord

CUSTOMER = "CUSTOMER"


def check_sockets(journal: Journal, evidence: Evidence) -> Iterator[Breach]:
    """Each socket for itself, then all sockets of a participant together."""
    of_participants: defaultdict[tuple[str, str], list[SocketRecord]] = defaultdict(list)
    for socket in journal.sockets:
        of_participants[socket.chat, socket.participant].append(socket)
    for (chat, participant), sockets in of_participants.items():
        items = evidence.transcripts.get(chat)
        if items is None:
            continue
        places = {item.id: place for place, item in enumerate(items)}
        for socket in sockets:
            yield from _check_one(socket, items, places)
        yield from _check_together(chat, participant, sockets, items, places)


def _check_one(socket: SocketRecord, items: list[Item], places: dict[str, int]) -> Iterator[Breach]:
    name = f"a socket of {socket.participant} ({socket.role.lower()})"
    shown: list[int] = []
    for frame in socket.frames:
        place = places.get(frame.id)
        if place is not None:
            shown.append(place)
        elif frame.type == "MESSAGE":
            yield Breach("foreign frame", socket.chat, f"{name} showed {frame.id}, which is not in the transcript")
    if len(set(shown)) != len(shown):
        yield Breach("doubled frame", socket.chat, f"{name} showed an item twice")
    elif shown != sorted(shown):
        yield Breach("misplaced frame", socket.chat, f"{name} showed items in another order")
    if not shown:
        return
    # an agent's socket begins with the items of the agent's own contact
    missing = [
        items[place]
        for place in range(shown[0], shown[-1])
        if place not in set(shown) and (socket.role == CUSTOMER or items[place].at > socket.subscribed)
    ]
    if missing:
        yield Breach("missing frame", socket.chat, f"{name} left out {[item.id for item in missing]}")


def _check_together(
    chat: str, participant: str, sockets: list[SocketRecord], items: list[Item], places: dict[str, int]
) -> Iterator[Breach]:
    """What a client knows, which reads after each subscription, has no hole; with an open socket it is everything."""
    known: set[int] = set()
    for socket in sockets:
        if socket.read is not None:
            known |= {places[id] for id in (*socket.read, *(frame.id for frame in socket.frames)) if id in places}
            if unknown := [id for id in socket.read if id not in places]:
                yield Breach("foreign reading", chat, f"{participant} read {unknown}, which are gone")
    last = sockets[-1]
    is_open = last.closed is None and last.read is not None and not last.ended
    expected = len(items) if is_open else max(known, default=-1) + 1
    missing = [items[place].id for place in range(expected) if place not in known]
    if missing:
        kind = "open socket lacks frames" if is_open else "reconnect lacks items"
        yield Breach(kind, chat, f"{participant} does not know {missing}")


def check_desks(journal: Journal, evidence: Evidence) -> Iterator[Breach]:
    """The events of an agent have numbers without gaps, each once, also over reconnects."""
    del evidence
    for user, numbers in journal.numbers.items():
        if any(after != before + 1 for before, after in pairwise(numbers)):
            yield Breach("agent events", user, f"their numbers are {numbers}")
