"""Changes to timers, presence, engine, board, archive and processes of a quiet run."""

from __future__ import annotations

from dataclasses import replace

from chaos.checker.evidence import Evidence
from chaos.journal import Journal, Outcome
from chaos.settings import DEATH, RECONNECT_WINDOW
from tests.chaos.quiet_run import AGENT, BEGAN, CHAT_ENDED, CUSTOMER, ENDED, OPEN, placed
from tests.chaos.tamperings import breaks, row


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
    journal.sockets[2].signs.append(BEGAN + 30 + RECONNECT_WINDOW)


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
