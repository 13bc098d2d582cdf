"""Timers end things at the instant at which they were due, and soon after it unless a fault is under way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from chaos.checker.evidence import Breach, Evidence
from chaos.journal import Journal, SocketRecord
from chaos.settings import DEATH, RECONNECT_WINDOW, SILENCE, WRAP_UP

EXACT = 0.15
"""Instants are milliseconds, and an item can be moved behind the one before it."""
SOON = 5.0
"""How long after its deadline an end may arrive when no fault is under way."""
RECOVERY = 20.0
LOST_TASK = 14.0
"""How much later an end can be whose workflow task Temporal gave to a worker that was gone. Another worker gets it after 10 s, or
after 3 s more."""
STALE_POLL = 75.0
"""For so long after a fault Temporal can take a worker that was gone for one that waits for tasks: a poll lasts a minute."""
REPORTED = 3.0
"""Until the store knows of a socket that was just opened."""
HEARTBEATS = 8.0
"""A client that falls silent counts as away since its last heartbeat but one."""
CHAT_ENDED = "application/vnd.amazonaws.connect.event.chat.ended"
PERSON = ("CUSTOMER", "AGENT")


def check_lost_customers(journal: Journal, evidence: Evidence) -> Iterator[Breach]:
    """Who was lost had been away for the reconnect window, and who stayed away is lost at its end."""
    sockets: defaultdict[str, list[SocketRecord]] = defaultdict(list)
    for socket in journal.sockets:
        sockets[socket.participant].append(socket)
    for chat in journal.chats.values():
        row = evidence.conversations.get(chat.id)
        if row is None or row["end_reason"] != "customer lost":
            continue
        ended = row["ended_at"] / 1000
        since = ended - RECONNECT_WINDOW
        signs = [
            sign
            for socket in sockets[chat.participant]
            for sign in socket.signs
            if since + HEARTBEATS < sign < ended - REPORTED
        ]
        if signs:
            yield Breach(
                "lost although connected",
                chat.id,
                f"{ended - max(signs):.1f} s before its end its customer was connected",
            )
        if chat.left_at is None:
            continue
        late = since - chat.left_at
        bound = SOON + journal.disturbed(chat.left_at, ended, RECOVERY + DEATH)
        if not -EXACT - 0.5 <= late <= bound:
            yield Breach("reconnect window", chat.id, f"the customer left, and the window began {late:.1f} s later")


def check_silent_customers(journal: Journal, evidence: Evidence) -> Iterator[Breach]:
    """A chat that ended because its customer was silent ended exactly then, and its sockets showed it soon."""
    for chat in journal.chats.values():
        row = evidence.conversations.get(chat.id)
        if row is None or row["end_reason"] != "customer silent":
            continue
        ended = row["ended_at"] / 1000
        spoken = [
            item for item in evidence.transcripts.get(chat.id, ()) if item.type == "MESSAGE" and item.role in PERSON
        ]
        before = [item for item in spoken if item.at <= ended]
        if not before or before[-1].role != "AGENT" or abs(ended - before[-1].at - SILENCE) > EXACT:
            due = (
                f"{ended - before[-1].at:.2f} s after a message of the {before[-1].role}"
                if before
                else "without a message"
            )
            yield Breach("silence", chat.id, f"it ended {due}, not {SILENCE:.0f} s after one of the agent")
        for socket in journal.sockets:
            if socket.chat != chat.id or socket.subscribed > ended:
                continue
            for frame in socket.frames:
                late = frame.arrived - ended
                if frame.content_type == CHAT_ENDED and late > _bound(journal, ended, frame.arrived):
                    due = f"{ended - journal.began:.1f} s after the beginning"
                    yield Breach("late end", chat.id, f"its end arrived {late:.1f} s after it was due, which was {due}")


def _bound(journal: Journal, due: float, arrived: float) -> float:
    """How late an end that was due may arrive."""
    lately = any(fault.began < arrived and fault.lifted > due - STALE_POLL for fault in journal.faults)
    return SOON + journal.disturbed(due - SOON, arrived, RECOVERY) + (LOST_TASK if lately else 0.0)


def check_wrap_ups(journal: Journal, evidence: Evidence) -> Iterator[Breach]:
    """A wrap-up ends at its limit at the latest, and nothing is open whose limit has long passed."""
    for chat in journal.chats.values():
        row = evidence.conversations.get(chat.id)
        if row is None or row["ended_at"] is None:
            continue
        if row["closed_at"] is not None:
            took = (row["closed_at"] - row["ended_at"]) / 1000
            if took > WRAP_UP + EXACT:
                yield Breach("wrap-up", chat.id, f"it took {took:.1f} s of {WRAP_UP:.0f} s")
        elif evidence.at - row["ended_at"] / 1000 > WRAP_UP + SOON:
            yield Breach("overdue wrap-up", chat.id, f"its state is {row['state']}")
    for chat in journal.chats.values():
        row = evidence.conversations.get(chat.id)
        open_live = row is not None and row["ended_at"] is None and row["mode"] == "live" and chat.left_at is not None
        if open_live and evidence.at - chat.left_at > RECONNECT_WINDOW + DEATH + SOON:  # pyright: ignore[reportOperatorIssue]
            yield Breach("overdue reconnect window", chat.id, "its customer has left it long ago")
