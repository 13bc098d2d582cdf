"""Changes to a quiet run, each of which breaks one rule of the checker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chaos.checker.evidence import Evidence, Item
from chaos.journal import Journal

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
