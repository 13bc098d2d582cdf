"""What waits to be announced is bounded, and nobody learns late that somebody typed."""

from __future__ import annotations

import pytest

from runtime import outbox
from runtime.bus import ANNOUNCEMENTS_LOST, Announcement
from runtime.outbox import Outbox

TYPING = Announcement("c", {"ContentType": "application/vnd.amazonaws.connect.event.typing"})
FAREWELL = Announcement("c", {"ContentType": "application/vnd.amazonaws.connect.event.chat.ended"})
GROWN = Announcement("c")


def filled(*announcements: Announcement) -> Outbox:
    waiting = Outbox()
    for announcement in announcements:
        waiting.put(announcement)
    return waiting


async def test_order_is_kept() -> None:
    waiting = filled(GROWN, TYPING, FAREWELL)
    assert await waiting.next_batch(2, 0) == [GROWN, TYPING]
    assert await waiting.next_batch(2, 0) == [FAREWELL]
    assert await waiting.next_batch(2, 0) == []


async def test_old_typing_is_dropped_and_a_farewell_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "TYPING_AGE_SECONDS", -1)
    assert await filled(TYPING, FAREWELL, TYPING).next_batch(10, 0) == [FAREWELL]


async def test_everybody_looks_into_the_store_instead_of_old_announcements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MAX_AGE_SECONDS", -1)
    waiting = filled(GROWN, GROWN)
    assert await waiting.next_batch(10, 0) == [ANNOUNCEMENTS_LOST]
    assert await waiting.next_batch(10, 0) == []


async def test_only_the_latest_announcements_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MAX_WAITING", 2)
    waiting = filled(GROWN, FAREWELL, GROWN)
    assert await waiting.next_batch(10, 0) == [FAREWELL, GROWN, ANNOUNCEMENTS_LOST]


async def test_batch_that_could_not_be_sent_comes_first_and_keeps_its_age(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = filled(TYPING, GROWN, FAREWELL)
    for _ in range(2):
        assert await waiting.next_batch(2, 0) == [TYPING, GROWN]
        waiting.put_back()
    now = outbox.monotonic()
    monkeypatch.setattr(outbox, "monotonic", lambda: now + outbox.TYPING_AGE_SECONDS)
    assert await waiting.next_batch(10, 0) == [GROWN, FAREWELL]
    waiting.put_back()
    monkeypatch.setattr(outbox, "monotonic", lambda: now + outbox.MAX_AGE_SECONDS)
    assert await waiting.next_batch(10, 0) == [ANNOUNCEMENTS_LOST]
