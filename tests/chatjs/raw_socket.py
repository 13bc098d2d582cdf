"""A WebSocket without ChatJS. It receives every frame, also those after which ChatJS stops listening."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.chatjs.session import TIMEOUT_SECONDS


async def request_socket(endpoint: str, details: dict[str, Any]) -> httpx.Response:
    """Request a socket URL for the participant with these `chatDetails`."""
    async with httpx.AsyncClient() as http:
        return await http.post(
            f"{endpoint}/participant/connection",
            headers={"x-amz-bearer": details["ParticipantToken"]},
            json={"Type": ["WEBSOCKET"]},
        )


class RawSocket:
    """WebSocket of a participant."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    @classmethod
    async def open(cls, endpoint: str, details: dict[str, Any]) -> Self:
        """Open a socket for the participant with these `chatDetails`."""
        response = await request_socket(endpoint, details)
        assert response.is_success, response.text
        return cls(await connect(response.json()["Websocket"]["Url"]))

    async def subscribe(self) -> None:
        """Subscribe to chat frames."""
        await self._socket.send(json.dumps({"topic": "aws/subscribe", "content": {"topics": ["aws/chat"]}}))

    async def subscribe_and_wait(self) -> None:
        """Subscribe to chat frames and wait for the confirmation."""
        await self.subscribe()
        response = json.loads(await self._socket.recv())
        assert (response["topic"], response["content"]["status"]) == ("aws/subscribe", "success")

    async def next_item(self) -> dict[str, Any]:
        """Return the next item."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (frame := json.loads(await self._socket.recv()))["topic"] != "aws/chat":
                continue
        return json.loads(frame["content"])

    async def items_until_closed(self) -> list[dict[str, Any]]:
        """Return all items received until the server closes the socket."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            frames = [json.loads(text) async for text in self._socket]
        return [json.loads(frame["content"]) for frame in frames if frame["topic"] == "aws/chat"]

    async def close(self) -> None:
        """Close the socket."""
        await self._socket.close()
