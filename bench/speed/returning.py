"""Clients that survive the loss of a process: they send again, and come back, as boto3 and ChatJS do."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from random import uniform
from time import perf_counter

import aiohttp

from bench.speed.client import FRAME_TIMEOUT, THROTTLED, Refused, SimulatedParticipant, Socket, open_socket

RETRY_SECONDS = 1.0
"""The first delay of ChatJS before it opens a socket again. ChatJS doubles it after each attempt; these clients do not."""
JITTER = 0.3
PAGE = 100

LOST = (aiohttp.ClientError, TimeoutError, TypeError)
"""What a request or a socket raises when its process dies. aiohttp raises a TypeError for a frame that ends the connection."""


class ReturningParticipant:
    """A participant who opens a socket again whenever it is lost, and then reads what was missed."""

    def __init__(self, participant: SimulatedParticipant) -> None:
        self.participant = participant
        self.connected_at = 0.0
        """When the present socket was subscribed (`perf_counter`)."""
        self.caught_up_at = 0.0
        """When the transcript was read after that."""
        self._shown: list[str] = []
        self._socket: Socket | None = None
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._stay_connected())

    @property
    def messages(self) -> list[str]:
        """The messages as a client shows them: each once, in the order of the transcript."""
        known = set(self._shown)
        arrived = self._socket.messages if self._socket else []
        assert len(set(arrived)) == len(arrived), "a frame is doubled"
        return [*self._shown, *(text for text in arrived if text not in known)]

    async def wait_until_caught_up(self, since: float) -> None:
        """Wait until a socket was opened after an instant, and the transcript read after that."""
        await self._wait(lambda: self.caught_up_at > since)

    async def wait_for(self, texts: set[str]) -> None:
        """Wait until these messages are shown."""
        await self._wait(lambda: texts <= set(self.messages))

    async def _wait(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(FRAME_TIMEOUT):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def leave(self) -> None:
        """Close the socket and stay away."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._socket:
            await self._socket.close()

    async def _stay_connected(self) -> None:
        while True:
            try:
                await self._connect()
            except (Refused, *LOST):
                await asyncio.sleep(RETRY_SECONDS * uniform(1 - JITTER, 1 + JITTER))
                continue
            assert self._socket
            await self._socket.ended.wait()

    async def _connect(self) -> None:
        await self.participant.connect()
        socket = await open_socket(self.participant, self._changed)
        connected_at, shown = perf_counter(), self.messages
        try:
            missed = await messages_after(self.participant, set(shown))
        except (Refused, *LOST):
            # its frames are not shown: the next read of the transcript would end at them, and not find what came before
            await socket.close()
            raise
        self._shown, self._socket = [*shown, *missed], socket
        self.connected_at, self.caught_up_at = connected_at, perf_counter()
        self._changed.set()


async def messages_after(participant: SimulatedParticipant, known: Collection[str]) -> list[str]:
    """The messages of the transcript after the last known one, in order; all if none is known."""
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = await participant.transcript(MaxResults=PAGE, ScanDirection="BACKWARD", SortOrder="DESCENDING", **token)
        for item in page["Transcript"]:
            if item["Type"] != "MESSAGE":
                continue
            if item["Content"] in known:
                return found[::-1]
            found.append(item["Content"])
        if "NextToken" not in page:
            return found[::-1]
        token = {"NextToken": page["NextToken"]}


async def send_until_accepted(participant: SimulatedParticipant, text: str, refused: Counter[str]) -> None:
    """Send a message, and again with the same ClientToken as long as it is refused or not answered.

    Args:
        participant: the sender.
        text: the message.
        refused: counts the refusals.

    Raises:
        Refused: to send it again is of no use.
    """
    while True:
        try:
            await participant.send(text)
        except Refused as error:
            if error.status != THROTTLED and error.status < 500:
                raise
            refused[str(error.status)] += 1
        except LOST:
            refused["no answer"] += 1
        else:
            return
        await asyncio.sleep(RETRY_SECONDS * uniform(0.1, 0.5))
