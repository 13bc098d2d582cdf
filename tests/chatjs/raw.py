"""A WebSocket without ChatJS: it hears whatever it is sent, and does not stop listening when it should."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.chatjs.driver import SECONDS


async def ask(endpoint: str, details: dict[str, Any]) -> httpx.Response:
    """Asks for a socket, for the participant whose `chatDetails` these are."""
    async with httpx.AsyncClient() as http:
        return await http.post(
            f"{endpoint}/participant/connection",
            headers={"x-amz-bearer": details["ParticipantToken"]},
            json={"Type": ["WEBSOCKET"]},
        )


class Ear:
    """A socket of a participant."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    @classmethod
    async def open(cls, endpoint: str, details: dict[str, Any]) -> Self:
        """Dials for the participant whose `chatDetails` these are."""
        answer = await ask(endpoint, details)
        assert answer.is_success, answer.text
        return cls(await connect(answer.json()["Websocket"]["Url"]))

    async def subscribe(self) -> None:
        """Asks for chat frames."""
        await self._socket.send(json.dumps({"topic": "aws/subscribe", "content": {"topics": ["aws/chat"]}}))

    async def subscribed(self) -> None:
        """Asks for chat frames and waits for the answer."""
        await self.subscribe()
        answer = json.loads(await self._socket.recv())
        assert (answer["topic"], answer["content"]["status"]) == ("aws/subscribe", "success")

    async def next(self) -> dict[str, Any]:
        """The next item."""
        async with asyncio.timeout(SECONDS):
            while (frame := json.loads(await self._socket.recv()))["topic"] != "aws/chat":
                continue
        return json.loads(frame["content"])

    async def everything(self) -> list[dict[str, Any]]:
        """All items that it is sent, until the server closes it."""
        async with asyncio.timeout(SECONDS):
            frames = [json.loads(text) async for text in self._socket]
        return [json.loads(frame["content"]) for frame in frames if frame["topic"] == "aws/chat"]

    async def close(self) -> None:
        """Closes it."""
        await self._socket.close()
