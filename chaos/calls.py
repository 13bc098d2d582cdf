"""Calls of people: through any door, again and again, until there is an answer that counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

import aiohttp

from chaos.journal import Journal
from chaos.settings import SECRET

TIMEOUT = aiohttp.ClientTimeout(total=5.0)
THROTTLED = 429
FIRST_DELAY, LONGEST_DELAY = 0.15, 1.5
NO_ANSWER = (aiohttp.ClientError, OSError, TimeoutError, ValueError)
BACKEND = {"authorization": f"Bearer {SECRET}"}


class Answer(NamedTuple):
    """An answer that counts: 200, or a refusal that another attempt would not change."""

    status: int
    body: Any

    @property
    def is_good(self) -> bool:
        """Whether the request was served."""
        return self.status == 200


class Caller:
    """Somebody who sends requests, to another API process each time, as behind a load balancer."""

    def __init__(self, session: aiohttp.ClientSession, doors: Sequence[str], random: Random, journal: Journal) -> None:
        self.session, self.random, self.journal = session, random, journal
        self.doors = doors
        self._next = random.randrange(len(doors))

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Send a request until it is answered. No answer, 429 and 5xx do not count as one."""
        delay = FIRST_DELAY
        while True:
            answer = await self.attempt(method, path, body, headers)
            if answer.status == 200 or (400 <= answer.status < 500 and answer.status != THROTTLED):
                return answer
            await asyncio.sleep(delay * self.random.uniform(0.5, 1.5))
            delay = min(2 * delay, LONGEST_DELAY)

    async def attempt(self, method: str, path: str, body: object, headers: Mapping[str, str]) -> Answer:
        """Send a request once. The status is 0 without an answer."""
        self._next = (self._next + 1) % len(self.doors)
        data = None if body is None else json.dumps(body).encode()
        try:
            async with self.session.request(
                method, self.doors[self._next] + path, data=data, headers=headers, timeout=TIMEOUT
            ) as response:
                text = await response.text()
                answer = Answer(response.status, json.loads(text) if text else None)
        except NO_ANSWER as problem:
            answer = Answer(0, repr(problem))
        self.journal.answers[answer.status] += 1
        if answer.status == 500:
            self.journal.errors.append(f"{method} {path}: {answer.body}")
        return answer


class Seated:
    """Somebody with a connection token in a chat."""

    def __init__(self, caller: Caller, participant_token: str) -> None:
        self.caller = caller
        self.token = ""
        self._participant_token = participant_token

    async def connect(self) -> str | None:
        """Create a connection, and return the URL of a socket; None when the chat is over."""
        kinds = {"Type": ["WEBSOCKET", "CONNECTION_CREDENTIALS"]}
        bearer = {"x-amz-bearer": self._participant_token}
        answer = await self.caller.ask("POST", "/participant/connection", kinds, **bearer)
        if not answer.is_good:
            return None
        self.token = answer.body["ConnectionCredentials"]["ConnectionToken"]
        return answer.body["Websocket"]["Url"]

    async def send(self, text: str) -> Answer:
        """Send a message. All attempts have the same ClientToken."""
        body = {"ContentType": "text/plain", "Content": text, "ClientToken": text}
        return await self.caller.ask("POST", "/participant/message", body, **{"x-amz-bearer": self.token})

    async def disconnect(self) -> None:
        """Leave the chat, which ends it where customers may end it."""
        await self.caller.ask("POST", "/participant/disconnect", {}, **{"x-amz-bearer": self.token})

    async def transcript(self, *, stop_at: frozenset[str] = frozenset()) -> list[dict[str, Any]] | None:
        """Read the transcript and its past, newest first, up to an item that is known. None when it is refused."""
        found: list[dict[str, Any]] = []
        page: dict[str, Any] = {}
        while True:
            body = {"MaxResults": 100, "ScanDirection": "BACKWARD", "SortOrder": "DESCENDING", **page}
            answer = await self.caller.ask("POST", "/participant/transcript", body, **{"x-amz-bearer": self.token})
            if not answer.is_good:
                return None
            for item in answer.body["Transcript"]:
                if item["Id"] in stop_at:
                    return found
                found.append(item)
            if "NextToken" not in answer.body:
                return found
            page = {"NextToken": answer.body["NextToken"]}
