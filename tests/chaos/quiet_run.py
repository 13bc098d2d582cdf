"""A small run in which everything is as promised: an ended chat, and one that continues it and is open."""

from __future__ import annotations

from chaos.checker.evidence import Board, Evidence, Item, RunState
from chaos.journal import (
    ChatRecord,
    FaultRecord,
    FollowedEvent,
    Journal,
    Outcome,
    SentMessage,
    ShownFrame,
    SocketRecord,
)
from chaos.settings import SILENCE, WRAP_UP

BEGAN = 1_800_000_000.0
ENDED, OPEN = "ended-chat", "open-chat"
CUSTOMER, AGENT = "customer", "agent-participant"
CHAT_ENDED = "application/vnd.amazonaws.connect.event.chat.ended"
JOINED = "application/vnd.amazonaws.connect.event.participant.joined"


def quiet_run() -> tuple[Journal, Evidence]:
    """A journal and the evidence that belongs to it."""
    journal, evidence = Journal(began=BEGAN, ended=BEGAN + 100), Evidence(at=BEGAN + 120)
    _ended_chat(journal, evidence)
    _open_chat(journal, evidence)
    for chat in (ENDED, OPEN):
        _tell(journal, evidence, chat)
    journal.numbers["a1"] = [7, 8, 9]
    journal.faults = [FaultRecord("kill", "worker-1", BEGAN + 60, BEGAN + 62)]
    board = Board(
        at=BEGAN + 120,
        until=BEGAN + 120,
        routing=[placed(OPEN, stage="working", agent="a1", holder="a1")],
        agents=[agent("a1"), agent("a2")],
        served=[{"queue": "live", "user": "a1"}, {"queue": "live", "user": "a2"}],
    )
    evidence.boards = [board, board]
    evidence.logs = {"api-1": "it listens\n"}
    return journal, evidence


def placed(chat: str, **changes: object) -> dict[str, object]:
    """A row of the board: by default a chat that waits."""
    row: dict[str, object] = {
        "conversation_id": chat,
        "queue": "live",
        "stage": "queued",
        "agent": None,
        "holder": None,
        "holds_until": 10**15,
        "units": 1,
        "offer_id": None,
        "bound_to": "",
    }
    return row | changes


def agent(user: str, **changes: object) -> dict[str, object]:
    """A row of an agent who is available."""
    row = {"user": user, "capacity": 1, "status": "available", "next_status": None, "disconnected_at": None}
    return row | changes


def _ended_chat(journal: Journal, evidence: Evidence) -> None:
    """The agent speaks last, the customer is silent, the chat ends, and its wrap-up takes its whole time."""
    spoken, over = BEGAN + 2, BEGAN + 2 + SILENCE
    journal.chats[ENDED] = ChatRecord(ENDED, "live", CUSTOMER, "token")
    _say(journal, ENDED, "first-line", 2, BEGAN + 1)
    _say(journal, ENDED, "agent-line", 1, spoken)
    items = [
        _message(ENDED, "first-line/0", "CUSTOMER", BEGAN + 1),
        _message(ENDED, "first-line/1", "CUSTOMER", BEGAN + 1.5),
        _message(ENDED, "agent-line/0", "AGENT", spoken),
        Item("end-of-chat", over, "EVENT", CHAT_ENDED, "", "SYSTEM", f"{ENDED} contact"),
    ]
    record = SocketRecord(
        ENDED, CUSTOMER, "CUSTOMER", BEGAN, closed=over + 0.1, signs=[BEGAN, over], read=[], ended=True
    )
    record.frames = [_frame(item) for item in items]
    journal.sockets.append(record)
    _put(evidence, ENDED, items)
    evidence.conversations[ENDED] = {
        "mode": "live",
        "state": "CLOSED",
        "revision": 9,
        "ended_at": int(over * 1000),
        "closed_at": int((over + WRAP_UP) * 1000),
        "end_reason": "customer silent",
    }
    evidence.contacts.append({"id": f"{ENDED} contact", "conversation_id": ENDED, "ended_at": int(over * 1000)})
    evidence.files[f"{ENDED} contact"] = [item.id for item in items]


def _open_chat(journal: Journal, evidence: Evidence) -> None:
    """A chat that continues the ended one. Its customer lost a socket once, and its agent is there."""
    past = [item.id for item in evidence.transcripts[ENDED]]
    journal.chats[OPEN] = ChatRecord(OPEN, "persistent", f"{CUSTOMER} again", "token", source=ENDED, past=past)
    _say(journal, OPEN, "second-line", 4, BEGAN + 31)
    items = [
        Item("joined", BEGAN + 30, "EVENT", JOINED, "", "CUSTOMER", f"{OPEN} contact"),
        *(_message(OPEN, f"second-line/{number}", "CUSTOMER", BEGAN + 31 + number / 2) for number in range(4)),
    ]
    first = SocketRecord(OPEN, f"{CUSTOMER} again", "CUSTOMER", BEGAN + 30, BEGAN + 31.6, [BEGAN + 31], read=[])
    first.frames = [_frame(item) for item in items[:2]]
    second = SocketRecord(OPEN, f"{CUSTOMER} again", "CUSTOMER", BEGAN + 32.2, None, [BEGAN + 119])
    second.read, second.frames = [items[2].id, items[3].id], [_frame(items[4])]
    agents = SocketRecord(OPEN, AGENT, "AGENT", BEGAN + 31.2, None, [BEGAN + 119], read=[item.id for item in items[:2]])
    agents.frames = [_frame(item) for item in items[2:]]
    journal.sockets += [first, second, agents]
    _put(evidence, OPEN, items)
    evidence.conversations[OPEN] = {
        "mode": "persistent",
        "state": "ACTIVE",
        "revision": 5,
        "ended_at": None,
        "closed_at": None,
        "end_reason": None,
    }
    presence = {f"{CUSTOMER} again": "connected", AGENT: "connected"}
    evidence.runs[OPEN] = RunState("ACTIVE", 5, len(items), "a1", presence)
    for id, state in presence.items():
        evidence.participants.append({"id": id, "conversation_id": OPEN, "presence": state, "left_at": None})
    evidence.contacts.append({"id": f"{OPEN} contact", "conversation_id": OPEN, "ended_at": None})


def _say(journal: Journal, chat: str, line: str, count: int, at: float) -> None:
    for number in range(count):
        text = f"{line}/{number}"
        message = SentMessage(chat, line, number, text, at, at + 0.1, Outcome.ACKNOWLEDGED, f"id of {text}")
        journal.messages.append(message)


def _message(chat: str, text: str, role: str, at: float) -> Item:
    return Item(f"id of {text}", at, "MESSAGE", "text/plain", text, role, f"{chat} contact")


def _frame(item: Item) -> ShownFrame:
    return ShownFrame(item.id, item.type, item.content_type, item.at + 0.05)


def _tell(journal: Journal, evidence: Evidence, chat: str) -> None:
    """The events of a chat: a beginning, its messages, and its end."""
    told = [("contact.initiated", f"{chat} begins")]
    told += [("message.created", item.id) for item in evidence.transcripts[chat] if item.type == "MESSAGE"]
    if evidence.conversations[chat]["state"] == "CLOSED":
        told.append(("conversation.closed", f"{chat} ends"))
    events = [FollowedEvent(chat, seq, kind, id) for seq, (kind, id) in enumerate(told, 1)]
    journal.followed += events
    journal.received += [events[0], *events]


def _put(evidence: Evidence, chat: str, items: list[Item]) -> None:
    evidence.transcripts[chat] = items
    evidence.items[chat] = [{"seq": number, "id": item.id} for number, item in enumerate(items, start=1)]
