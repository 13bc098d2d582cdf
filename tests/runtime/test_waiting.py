"""Waiting for a part that is away: many attempts, one line in the log, and an end as soon as the process stops."""

from __future__ import annotations

import asyncio
import logging

import pytest

from runtime.errors import PartAway, StoppedEarly
from runtime.waiting import Patience

ATTEMPTS = 4


class Part:
    """A part that answers the last of some attempts."""

    def __init__(self, attempts: int = ATTEMPTS) -> None:
        self.left = attempts

    async def attempt(self) -> str:
        self.left -= 1
        if self.left:
            raise PartAway("it is away")
        return "here"


async def test_attempts_are_repeated_and_logged_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    part = Part()
    with caplog.at_level(logging.WARNING):
        assert await Patience(asyncio.Event())(part.attempt) == "here"
    assert [record.message for record in caplog.records] == ["waiting: it is away"]


async def test_stop_ends_the_pause_between_attempts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("runtime.waiting.FIRST_RETRY_SECONDS", 100)
    stop, part = asyncio.Event(), Part()
    waiting = asyncio.create_task(Patience(stop)(part.attempt))
    while not caplog.records:  # the pause begins right after the line
        await asyncio.sleep(0)
    stop.set()
    with pytest.raises(StoppedEarly):
        async with asyncio.timeout(10):
            await waiting
