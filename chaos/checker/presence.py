"""Who has an open socket counts as connected, and who has none does not, once everything is at rest."""

from __future__ import annotations

from collections.abc import Iterator

from chaos.checker.evidence import Breach, Evidence
from chaos.journal import Journal
from chaos.settings import DEATH

SOON = 5.0


def check_presence(journal: Journal, evidence: Evidence) -> Iterator[Breach]:
    """Compares the participants of chats that have not ended with the sockets that are open."""
    present = {socket.participant for socket in journal.sockets if socket.closed is None}
    last_sign: dict[str, float] = {}
    for socket in journal.sockets:
        last_sign[socket.participant] = max(last_sign.get(socket.participant, 0.0), socket.signs[-1])
    for row in evidence.participants:
        conversation = evidence.conversations.get(row["conversation_id"])
        if conversation is None or conversation["ended_at"] is not None or row["left_at"] is not None:
            continue
        id, presence = row["id"], row["presence"]
        if id in present and presence != "connected":
            yield Breach("presence", row["conversation_id"], f"{id} has an open socket and counts as {presence}")
        gone = id in last_sign and evidence.at - last_sign[id] > DEATH + SOON
        if id not in present and gone and presence == "connected":
            yield Breach("presence", row["conversation_id"], f"{id} has no socket and counts as connected")
