"""A client that sends as fast as it can: `python -m tests.deployment.flooders URL KIND TOKEN SECONDS CONNECTIONS`.

It prints what was accepted, as JSON. It is a process of its own, so that it takes no time from the client that measures.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from uuid import uuid4

import aiohttp

from tests.stack import SECRET

TYPING = "application/vnd.amazonaws.connect.event.typing"


@dataclass
class Flood:
    """What a flood has sent so far: the status codes of the answers, and the ids of what was accepted."""

    url: str
    token: str
    statuses: Counter[int] = field(default_factory=Counter[int])
    accepted: list[str] = field(default_factory=list[str])

    async def request(self, http: aiohttp.ClientSession, method: str, path: str, body: object, header: str) -> None:
        """Send one request, and note its answer."""
        name, _, value = header.partition(": ")
        async with http.request(method, self.url + path, json=body, headers={name: value}) as answer:
            self.statuses[answer.status] += 1
            if answer.status == 200:
                found = await answer.json()
                self.accepted.append(found.get("ContactId") or found.get("Id", ""))
            else:
                await answer.read()

    async def messages(self, http: aiohttp.ClientSession) -> None:
        """A participant who writes."""
        body = {"ContentType": "text/plain", "Content": "x" * 100}
        await self.request(http, "POST", "/participant/message", body, f"x-amz-bearer: {self.token}")

    async def typing(self, http: aiohttp.ClientSession) -> None:
        """A participant who types."""
        await self.request(http, "POST", "/participant/event", {"ContentType": TYPING}, f"x-amz-bearer: {self.token}")

    async def starts(self, http: aiohttp.ClientSession) -> None:
        """A backend that starts chats."""
        body = {"InstanceId": "demo", "ContactFlowId": "persistent", "ParticipantDetails": {"DisplayName": "Ada"}}
        await self.request(http, "PUT", "/contact/chat", body, f"authorization: Bearer {SECRET}")

    async def guesses(self, http: aiohttp.ClientSession) -> None:
        """Someone who guesses access keys."""
        body = {"InstanceId": "demo", "ContactId": "x"}
        await self.request(http, "POST", "/contact/stop", body, f"authorization: Bearer guess {uuid4()}")


KINDS: dict[str, Callable[[Flood, aiohttp.ClientSession], Awaitable[None]]] = {
    "messages": Flood.messages,
    "typing": Flood.typing,
    "starts": Flood.starts,
    "guesses": Flood.guesses,
}


async def main(url: str, kind: str, token: str, seconds: float, connections: int) -> None:
    """Flood for some seconds. Each connection sends its next request when the last one is answered."""
    flood, until = Flood(url, token), monotonic() + seconds

    async def send(http: aiohttp.ClientSession) -> None:
        while monotonic() < until:
            await KINDS[kind](flood, http)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as http:
        await asyncio.gather(*(send(http) for _ in range(connections)))
    print(json.dumps({"statuses": flood.statuses, "accepted": flood.accepted}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]), int(sys.argv[5])))
