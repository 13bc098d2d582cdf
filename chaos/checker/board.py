"""The routing board: no agent above their capacity, nothing assigned twice, and nobody waits beside a free agent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from chaos.checker.evidence import Board, Breach, Evidence
from chaos.journal import Journal
from chaos.store import Row


def check_board(journal: Journal, evidence: Evidence) -> Iterator[Breach]:
    """What was seen during the run, and who waits in vain at rest."""
    yield from (Breach("board", "routing", what) for what in dict.fromkeys(journal.board))
    if evidence.boards:
        yield from (Breach("board", "routing", what) for what in overloads(evidence.boards[-1]))
        neglected = set.intersection(*(waiting_beside_free(board) for board in evidence.boards))
        for chat, user in sorted(neglected):
            yield Breach("waits beside a free agent", chat, f"{user} is free and gets no offer")


def overloads(board: Board) -> list[str]:
    """Agents whose conversations and offers take more than their capacity, and rows that contradict themselves."""
    loads = _loads(board, board.until)
    found = [
        f"{agent['user']} has {loads[agent['user']]} units of {agent['capacity']} at {board.at:.3f}: "
        + "; ".join(f"{name}={value}" for row in _held_by(board, agent["user"]) for name, value in row.items())
        for agent in board.agents
        if loads[agent["user"]] > agent["capacity"]
    ]
    for row in board.routing:
        if row["stage"] == "working" and row["holder"] != row["agent"]:
            found.append(f"{row['conversation_id']} is worked on by {row['agent']} and held by {row['holder']}")
        if row["stage"] == "working" and row["offer_id"] is not None:
            found.append(f"{row['conversation_id']} is worked on by {row['agent']} and offered to {row['holder']}")
    twice = [id for id, times in Counter(row["conversation_id"] for row in board.routing).items() if times > 1]
    return [*found, *(f"{id} is on the board twice" for id in twice)]


def waiting_beside_free(board: Board) -> set[tuple[str, str]]:
    """The chats that wait without an offer, each with the agents who could get it."""
    loads = _loads(board, board.at)
    served = {(row["queue"], row["user"]) for row in board.served}
    passed = {(row["conversation_id"], row["user"]) for row in board.rejections}
    free = {
        agent["user"]: agent["capacity"] - loads[agent["user"]]
        for agent in board.agents
        if agent["status"] == "available" and agent["next_status"] is None and agent["disconnected_at"] is None
    }
    return {
        (row["conversation_id"], user)
        for row in board.routing
        for user, units in free.items()
        if row["stage"] == "queued"
        and row["offer_id"] is None
        and units >= row["units"]
        and (row["queue"], user) in served
        and (row["conversation_id"], user) not in passed
        and row["bound_to"] in ("", user)
    }


def _held_by(board: Board, user: str) -> list[Row]:
    names = ("conversation_id", "stage", "revision", "agent", "offer_id", "offered_at", "enqueued_at", "holds_until")
    return [{name: row.get(name) for name in names} for row in board.routing if row["holder"] == user]


def _loads(board: Board, at: float) -> Counter[str]:
    loads = Counter[str]()
    for row in board.routing:
        if row["holder"] and row["holds_until"] / 1000 > at:
            loads[row["holder"]] += row["units"]
    return loads
