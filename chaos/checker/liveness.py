"""Nothing is stuck: people wait for nothing in vain, and every conversation is on record."""

from __future__ import annotations

from collections.abc import Iterator

from chaos.checker.evidence import Breach, Evidence
from chaos.journal import Journal, Outcome


def check_liveness(journal: Journal, evidence: Evidence) -> Iterator[Breach]:
    """What people waited for in vain; messages without an answer; chats that are on no record."""
    yield from (Breach("stuck", "people", what) for what in journal.stuck)
    for message in journal.messages:
        if message.outcome is Outcome.OPEN:
            yield Breach("no answer", message.chat, f"{message.text} was never answered")
    for chat in journal.chats:
        if chat not in evidence.conversations:
            yield Breach("no record", chat, "the store does not have the chat")
