"""A ChatJS session that runs elsewhere, and all events that it has reported."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

TIMEOUT_SECONDS = 10.0
"""Time limit of operations that normally finish at once."""

RECEIPT_THROTTLE_MS = 50
MAX_PAGES = 20
ESTABLISHED, HEARTBEAT_ANSWERED = "onConnectionEstablished", "onDeepHeartbeatSuccess"


class Event(NamedTuple):
    """A ChatJS callback and its `data`."""

    name: str
    data: Any


class CallRejected(Exception):
    """ChatJS rejected a call. `reason` is the value of the rejection."""

    def __init__(self, method: str, reason: Any) -> None:
        super().__init__(f"{method}: {reason}")
        self.reason = reason


class Session(ABC):
    """One ChatJS session. Closing it sends nothing, as when a browser tab is closed."""

    def __init__(self, log: Path) -> None:
        self.events: list[Event] = []
        self._log = log
        self._changed = asyncio.Condition()
        self._closed = False
        self._callbacks: list[str] = []
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}

    @abstractmethod
    async def _perform(self, call: dict[str, Any]) -> None:
        """Pass a call on to session.js."""

    @abstractmethod
    async def close(self) -> None:
        """Close the tab."""

    async def call(self, method: str, *args: Any, within: float = TIMEOUT_SECONDS) -> Any:
        """Call a method of the session; return the value of its promise.

        Raises:
            CallRejected: the promise is rejected.
        """
        number = len(self._answers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(within):
            await self._perform({"id": number, "method": method, "args": args})
            line = await answer
        if "refused" in line:
            raise CallRejected(method, line["refused"])
        return line["value"]

    async def create(self, endpoint: str, details: dict[str, Any], type: str) -> None:
        """Call `ChatSession.create` for an endpoint and register every callback.

        Except `onTranscriptUpdated`: with that callback ChatJS requests transcripts by itself.
        """
        options = {"region": "local"}
        receipts = {"messageReceipts": {"throttleTime": RECEIPT_THROTTLE_MS}}
        config = {**options, "endpoint": endpoint, "loggerConfig": {}, "features": receipts}
        session = {"chatDetails": details, "type": type, "options": options, "disableCSM": True}
        self._callbacks = await self.call("create", {"config": config, "without": ["onTranscriptUpdated"], **session})

    async def connect(self) -> None:
        """Connect and wait for the socket. ChatJS calls `onConnectionEstablished` twice: for the REST call and the socket."""
        await self.call("connect")
        await self.wait_until_connected(2)

    async def wait_until_connected(self, times: int) -> None:
        """Wait until the socket is open and the server has answered a heartbeat, which implies that it is subscribed."""
        await self.wait_for(ESTABLISHED, times=times)
        if HEARTBEAT_ANSWERED in self._callbacks:
            names = [event.name for event in self.events]
            established = [index for index, name in enumerate(names) if name == ESTABLISHED][times - 1]
            await self.wait_for(HEARTBEAT_ANSWERED, times=names[:established].count(HEARTBEAT_ANSWERED) + 1)

    async def send(self, text: str) -> str:
        """Send a message; return its id."""
        sent = await self.call("sendMessage", {"message": text, "contentType": "text/plain"})
        return sent["Id"]

    async def pages(self, size: int, **arguments: Any) -> list[list[dict[str, Any]]]:
        """Return all pages of the transcript."""
        found: list[list[dict[str, Any]]] = []
        token: dict[str, str] = {}
        while len(found) < MAX_PAGES:
            page = await self.call("getTranscript", {"maxResults": size, **arguments, **token})
            found.append(page["Transcript"])
            if "NextToken" not in page:
                return found
            token = {"nextToken": page["NextToken"]}
        raise AssertionError(f"more than {MAX_PAGES} pages")

    async def wait_for(
        self,
        name: str,
        where: Callable[[Any], bool] = lambda _: True,
        *,
        times: int = 1,
        within: float = TIMEOUT_SECONDS,
    ) -> list[Any]:
        """Wait until a callback has come `times` times with matching data; return the data of all matches."""

        def found() -> list[Any]:
            return [event.data for event in self.events if event.name == name and where(event.data)]

        try:
            async with asyncio.timeout(within), self._changed:
                await self._changed.wait_for(lambda: len(found()) >= times or self._closed)
        except TimeoutError:
            raise AssertionError(f"no {times} x {name} in {within} s:\n{self.report()}") from None
        assert len(found()) >= times, f"the tab has crashed:\n{self.report()}"
        return found()

    async def wait_for_message(self, text: str, *, within: float = TIMEOUT_SECONDS) -> dict[str, Any]:
        """Wait for a message with this text; return its item."""
        return (await self.wait_for("onMessage", lambda item: item.get("Content") == text, within=within))[0]

    def count(self, name: str) -> int:
        """Return how often a callback has come."""
        return sum(event.name == name for event in self.events)

    def items(self) -> list[dict[str, Any]]:
        """Return the items received by `onMessage`, in order."""
        return [event.data for event in self.events if event.name == "onMessage"]

    def message_texts(self) -> list[str]:
        """Return the message texts received by `onMessage`, in order."""
        return [item["Content"] for item in self.items() if item["Type"] == "MESSAGE"]

    def report(self) -> str:
        """Return all events and the log, for the message of a failed test."""
        events = "\n".join(f"  {name} {json.dumps(data)}" for name, data in self.events)
        return f"{events}\n{self._log.read_text(errors='replace')}"

    async def _receive(self, line: dict[str, Any]) -> None:
        """Take what session.js has emitted: the answer to a call, or an event."""
        if "answer" in line:
            answer = self._answers[line["answer"]]
            if not answer.done():
                answer.set_result(line)
            return
        async with self._changed:
            self.events.append(Event(line["event"], line["data"]))
            self._changed.notify_all()

    async def _end(self) -> None:
        """Take it that nothing is emitted any more."""
        self._closed = True
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(AssertionError(f"the tab has crashed:\n{self.report()}"))
        async with self._changed:
            self._changed.notify_all()
