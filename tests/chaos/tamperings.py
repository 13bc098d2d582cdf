"""Changes to a quiet run, each of which breaks one rule of the checker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from chaos.checker.evidence import Evidence, Item
from chaos.journal import Journal, Outcome, ShownFrame
from chaos.settings import DEATH, RECONNECT_WINDOW
from tests.chaos.quiet_run import AGENT, BEGAN, CHAT_ENDED, CUSTOMER, ENDED, OPEN, placed

Tampering = Callable[[Journal, Evidence], Any]
TAMPERINGS: list[tuple[str, Tampering]] = []


def breaks(rule: str) -> Callable[[Tampering], Tampering]:
    """Marks a function that changes a quiet run, so that one rule is broken."""

    def add(tampering: Tampering) -> Tampering:
        TAMPERINGS.append((rule, tampering))
        return tampering

    return add


def row(rows: Any, id: str, **changes: object) -> None:
    """Change one row in place."""
    if isinstance(rows, dict):
        rows[id] = {**rows[id], **changes}
        return
    place = next(place for place, each in enumerate(rows) if each["id"] == id)
    rows[place] = {**rows[place], **changes}


def without(evidence: Evidence, chat: str, place: int) -> None:
    """Remove an item from transcript and store."""
    gone = evidence.transcripts[chat].pop(place)
    evidence.items[chat] = [each for each in evidence.items[chat] if each["id"] != gone.id]


def add_item(evidence: Evidence, chat: str, item: Item) -> None:
    """Add an item to transcript and store."""
    evidence.transcripts[chat].append(item)
    evidence.items[chat].append({"seq": len(evidence.items[chat]) + 1, "id": item.id})


@breaks("lost message")
def lost(_: Journal, evidence: Evidence) -> None:
    without(evidence, ENDED, 1)


@breaks("doubled message")
def doubled(_: Journal, evidence: Evidence) -> None:
    twice = evidence.transcripts[OPEN][-1]
    add_item(evidence, OPEN, twice._replace(id="another", at=twice.at + 1))


@breaks("doubled message")
def refused_message_twice(journal: Journal, evidence: Evidence) -> None:
    doubled(journal, evidence)
    journal.messages[-1].outcome = Outcome.REFUSED


@breaks("foreign message")
def foreign(_: Journal, evidence: Evidence) -> None:
    last = evidence.transcripts[OPEN][-1]
    add_item(evidence, OPEN, last._replace(id="another", content="whoever", at=last.at + 1))


@breaks("wrong id")
def other_id(journal: Journal, _: Evidence) -> None:
    journal.messages[0].id = "another"


@breaks("misplaced message")
def misplaced(_: Journal, evidence: Evidence) -> None:
    items = evidence.transcripts[OPEN]
    items[1], items[2] = items[2]._replace(at=items[1].at), items[1]._replace(at=items[2].at)


@breaks("no transcript")
def unreadable(_: Journal, evidence: Evidence) -> None:
    del evidence.transcripts[OPEN]


@breaks("hole in the numbers")
def hole(_: Journal, evidence: Evidence) -> None:
    evidence.items[OPEN][-1] = {**evidence.items[OPEN][-1], "seq": 9}


@breaks("transcript unlike the store")
def unlike(_: Journal, evidence: Evidence) -> None:
    evidence.items[OPEN].pop()


@breaks("times do not grow")
def same_time(_: Journal, evidence: Evidence) -> None:
    items = evidence.transcripts[OPEN]
    items[2] = items[2]._replace(at=items[1].at)


@breaks("past is not whole")
def past_without_an_item(journal: Journal, _: Evidence) -> None:
    past = journal.chats[OPEN].past
    assert past
    del past[1]


@breaks("foreign past")
def past_of_others(journal: Journal, _: Evidence) -> None:
    past = journal.chats[OPEN].past
    assert past
    past.insert(0, "an item of somebody else")


@breaks("doubled frame")
def frame_twice(journal: Journal, _: Evidence) -> None:
    journal.sockets[0].frames.insert(1, journal.sockets[0].frames[0])


@breaks("misplaced frame")
def frames_exchanged(journal: Journal, _: Evidence) -> None:
    frames = journal.sockets[0].frames
    frames[0], frames[1] = frames[1], frames[0]


@breaks("missing frame")
def frame_missing(journal: Journal, _: Evidence) -> None:
    del journal.sockets[0].frames[1]


@breaks("missing frame")
def frame_missing_on_the_socket_of_an_agent(journal: Journal, _: Evidence) -> None:
    del journal.sockets[-1].frames[1]


@breaks("foreign frame")
def frame_of_nothing(journal: Journal, _: Evidence) -> None:
    journal.sockets[0].frames.append(ShownFrame("unknown", "MESSAGE", "text/plain", BEGAN + 3))


@breaks("open socket lacks frames")
def last_frame_never_sent(journal: Journal, _: Evidence) -> None:
    journal.sockets[2].frames.pop()


@breaks("reconnect lacks items")
def reading_lacks_an_item(journal: Journal, _: Evidence) -> None:
    socket = journal.sockets[2]
    assert socket.read
    del socket.read[0]
    socket.closed = BEGAN + 50


@breaks("foreign reading")
def reading_of_what_is_gone(journal: Journal, _: Evidence) -> None:
    journal.sockets[2].read = ["gone", *(journal.sockets[2].read or ())]


@breaks("agent events")
def agent_event_missing(journal: Journal, _: Evidence) -> None:
    journal.numbers["a1"].remove(8)


def customer_lost(journal: Journal, evidence: Evidence, *, left: float, ended: float) -> None:
    """The customer of the open chat leaves, and the chat ends because of that."""
    journal.chats[OPEN].left_at = left
    for socket in journal.sockets[1:3]:
        socket.closed, socket.signs = left, [left]
    changes = {"mode": "live", "state": "CLOSED", "end_reason": "customer lost"}
    stamps = {"ended_at": int(ended * 1000), "closed_at": int(ended * 1000)}
    row(evidence.conversations, OPEN, **changes, **stamps)
    evidence.runs.clear()


@breaks("lost although connected")
def connected_and_lost(journal: Journal, evidence: Evidence) -> None:
    customer_lost(journal, evidence, left=BEGAN + 35, ended=BEGAN + 35 + RECONNECT_WINDOW)
    journal.sockets[2].signs.append(BEGAN + 34 + RECONNECT_WINDOW)


@breaks("reconnect window")
def lost_too_late(journal: Journal, evidence: Evidence) -> None:
    customer_lost(journal, evidence, left=BEGAN + 5, ended=BEGAN + 5 + RECONNECT_WINDOW + 15)


@breaks("reconnect window")
def lost_too_early(journal: Journal, evidence: Evidence) -> None:
    customer_lost(journal, evidence, left=BEGAN + 35, ended=BEGAN + 30 + RECONNECT_WINDOW)


@breaks("overdue reconnect window")
def never_lost(journal: Journal, evidence: Evidence) -> None:
    journal.chats[OPEN].left_at = evidence.at - RECONNECT_WINDOW - DEATH - 20
    row(evidence.conversations, OPEN, mode="live")


@breaks("silence")
def silent_too_long(_: Journal, evidence: Evidence) -> None:
    ended = evidence.conversations[ENDED]["ended_at"]
    row(evidence.conversations, ENDED, ended_at=ended + 900)


@breaks("late end")
def end_arrives_late(journal: Journal, _: Evidence) -> None:
    assert journal.sockets[0].frames[-1].content_type == CHAT_ENDED
    journal.sockets[0].frames[-1].arrived += 9


@breaks("wrap-up")
def wrap_up_too_long(_: Journal, evidence: Evidence) -> None:
    row(evidence.conversations, ENDED, closed_at=evidence.conversations[ENDED]["closed_at"] + 500)


@breaks("overdue wrap-up")
def wrap_up_without_end(_: Journal, evidence: Evidence) -> None:
    row(evidence.conversations, ENDED, closed_at=None)


@breaks("presence")
def connected_counts_as_away(_: Journal, evidence: Evidence) -> None:
    row(evidence.participants, AGENT, presence="away")


@breaks("presence")
def gone_counts_as_connected(journal: Journal, _: Evidence) -> None:
    journal.sockets[-1].closed, journal.sockets[-1].signs = BEGAN + 40, [BEGAN + 40]


@breaks("stuck")
def somebody_waits(journal: Journal, _: Evidence) -> None:
    journal.stuck.append("a chat does not answer")


@breaks("no answer")
def message_without_answer(journal: Journal, _: Evidence) -> None:
    journal.messages[-1].outcome = Outcome.OPEN


@breaks("no record")
def chat_without_record(_: Journal, evidence: Evidence) -> None:
    del evidence.conversations[ENDED]


@breaks("no run")
def open_without_run(_: Journal, evidence: Evidence) -> None:
    del evidence.runs[OPEN]


@breaks("no open record")
def run_of_a_closed_chat(_: Journal, evidence: Evidence) -> None:
    evidence.runs[ENDED] = evidence.runs[OPEN]


@breaks("store unlike engine")
def another_revision(_: Journal, evidence: Evidence) -> None:
    row(evidence.conversations, OPEN, revision=6)


@breaks("store unlike engine")
def another_last_item(_: Journal, evidence: Evidence) -> None:
    evidence.runs[OPEN] = replace(evidence.runs[OPEN], seq=9)


@breaks("participants unlike engine")
def another_presence_in_the_run(_: Journal, evidence: Evidence) -> None:
    evidence.runs[OPEN] = replace(evidence.runs[OPEN], presence={f"{CUSTOMER} again": "away", AGENT: "connected"})


@breaks("board unlike engine")
def another_agent_in_the_run(_: Journal, evidence: Evidence) -> None:
    evidence.runs[OPEN] = replace(evidence.runs[OPEN], agent="a2")


@breaks("failed in the engine")
def task_failed(_: Journal, evidence: Evidence) -> None:
    evidence.failed.append("workflow x: a task failed")


@breaks("board")
def overload(_: Journal, evidence: Evidence) -> None:
    evidence.boards[-1].routing.append(placed("another", stage="working", agent="a1", holder="a1"))


@breaks("board")
def seen_during_the_run(journal: Journal, _: Evidence) -> None:
    journal.board.append("a1 has 9 units of 8")


@breaks("board")
def assigned_and_offered(_: Journal, evidence: Evidence) -> None:
    evidence.boards[-1].routing[0] = placed(OPEN, stage="working", agent="a1", holder="a1", offer_id="x")


@breaks("waits beside a free agent")
def neglected(_: Journal, evidence: Evidence) -> None:
    evidence.boards[-1].routing.append(placed("another"))


@breaks("no file")
def file_missing(_: Journal, evidence: Evidence) -> None:
    evidence.files.clear()


@breaks("file unlike the transcript")
def file_too_short(_: Journal, evidence: Evidence) -> None:
    evidence.files[f"{ENDED} contact"].pop()


@breaks("HTTP 500")
def error_seen(journal: Journal, _: Evidence) -> None:
    journal.errors.append("POST /participant/message")


@breaks("traceback")
def traceback_logged(_: Journal, evidence: Evidence) -> None:
    evidence.logs["api-1"] += "it fails\nTraceback (most recent call last):\n"
