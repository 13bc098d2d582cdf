"""Desks: agents who get offers, talk, park, resume, transfer, release, end and wrap up, or just stay away."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import aiohttp

from chaos.calls import BACKEND, Caller, Seated
from chaos.customers import Line
from chaos.journal import Journal, Outcome
from chaos.pace import Pace
from chaos.settings import INSTANCE, LIVE, OFFER_WITHIN, PERSISTENT
from chaos.sockets import FAILED, StayingSocket

LOOK_SECONDS = 2.0
THINK = (0.4, 1.6)
MESSAGES = (3, 14)
ANSWERS = {"accept": 93, "reject": 4, "ignore": 3}
ENDINGS = {"end": 54, "park": 18, "transfer": 10, "release": 7, "vanish": 4, "wait": 7}


class Desk:
    """An agent at work."""

    def __init__(self, user: str, caller: Caller, journal: Journal, pace: Pace) -> None:
        self.user = user
        self._caller, self._random, self._journal, self._pace = caller, caller.random, journal, pace
        self._numbers = journal.numbers.setdefault(user, [])
        self._bearer: dict[str, str] = {}
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._sockets: list[StayingSocket] = []
        self._lines: list[Line] = []
        self._woken = asyncio.Event()
        self._talks = 0
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Sign in and begin to work."""
        answer = await self._caller.ask(
            "POST", "/v1/agents/sign-in", {"instance": INSTANCE, "user": self.user}, **BACKEND
        )
        self._bearer = {"authorization": f"Bearer {answer.body['token']}"}
        self._tasks = [asyncio.create_task(each) for each in (self._work(), self._listen())]

    async def stop_talking(self) -> None:
        """Say and do nothing more in chats, but go on to accept offers and to stay connected."""
        self._closing = True
        for task in self._busy.values():
            task.cancel()
        found = await asyncio.gather(*self._busy.values(), return_exceptions=True)
        self._journal.stuck += [f"{self.user} failed: {each!r}" for each in found if isinstance(each, Exception)]
        self._busy = {contact: task for contact, task in self._busy.items() if not contact.startswith("offer ")}

    async def settle(self) -> None:
        """Wait until every message is answered."""
        await asyncio.gather(*(line.settle() for line in self._lines))

    async def close(self) -> None:
        """Leave the desk."""
        for task in (*self._tasks, *self._busy.values()):
            task.cancel()
        found = await asyncio.gather(*self._tasks, return_exceptions=True)
        self._journal.stuck += [f"{self.user} failed: {each!r}" for each in found if isinstance(each, Exception)]
        await asyncio.gather(*(line.give_up() for line in self._lines))
        await asyncio.gather(*(socket.leave() for socket in self._sockets))

    async def _ask(self, method: str, path: str, body: object = None) -> Any:
        """Ask, and return the body of a good answer; None when it is refused."""
        answer = await self._caller.ask(method, f"/v1/agent{path}", body, **self._bearer)
        return answer.body if answer.is_good else None

    async def _work(self) -> None:
        while True:
            await self._look()
            self._woken.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS * self._random.uniform(0.7, 1.3)):
                    await self._woken.wait()

    async def _look(self) -> None:
        agent = await self._ask("GET", "")
        if agent and agent["status"] != "available":
            await self._ask("PUT", "/status", {"status": "available"})
        for offer in (await self._ask("GET", "/offers") or {"offers": []})["offers"]:
            self._spawn(f"offer {offer['offer_id']}", self._answer(offer["offer_id"]))
        for contact in (await self._ask("GET", "/contacts") or {"contacts": []})["contacts"]:
            id, state = contact["contact_id"], contact["state"]
            if state == "ACTIVE" and not contact["ended_at"]:
                self._spawn(id, self._talk(contact))
            elif not self._closing and state == "WAITING":
                self._spawn(f"parked {id}", self._keep_parked(id))
            elif not self._closing and state == "WRAP_UP":
                self._spawn(f"wrap-up {id}", self._wrap_up(id))

    def _spawn(self, name: str, work: Any) -> None:
        if name in self._busy:
            work.close()
        else:
            self._busy[name] = asyncio.create_task(work)

    async def _answer(self, offer: str) -> None:
        chances = {"accept": 1} if self._closing else ANSWERS
        answer = self._random.choices(list(chances), list(chances.values()))[0]
        if answer == "ignore":
            await asyncio.sleep(OFFER_WITHIN)
            return
        done = await self._ask("POST", f"/offers/{offer}/{answer}", {})
        self._journal.done[f"offers {answer}ed" if done is not None else f"{answer} refused"] += 1
        self._woken.set()

    async def _talk(self, contact: dict[str, Any]) -> None:
        id, chat = contact["contact_id"], contact["initial_contact_id"]
        session = await self._ask("POST", f"/contacts/{id}/session", {})
        if session is None:
            self._forget(id)
            return
        seat = Seated(self._caller, session["ParticipantToken"])
        socket = StayingSocket(seat, chat, session["ParticipantId"], "AGENT", self._journal)
        self._sockets.append(socket)
        self._talks += 1
        line = Line(seat, chat, f"{session['ParticipantId']}/{self.user}/{self._talks}", self._journal)
        self._lines.append(line)
        if self._closing:
            return
        try:
            await self._until(socket, socket.opened)
            for _ in range(self._pace.messages(self._random, *MESSAGES)):
                await self._pace.think(self._random, *THINK)
                if socket.over.is_set() or (await line.say()).outcome is Outcome.REFUSED:
                    break
            else:
                await self._finish(contact, socket)
        except asyncio.CancelledError:
            if socket.has_left:  # the agent had just gone away, and comes back
                self._forget(id)
            return
        await socket.leave()
        self._forget(id)

    async def _finish(self, contact: dict[str, Any], socket: StayingSocket) -> None:
        id, mode = contact["contact_id"], contact["mode"]
        ending = self._random.choices(list(ENDINGS), list(ENDINGS.values()))[0]
        if ending == "park" and mode == LIVE:
            ending = "end"
        self._journal.done[f"agent: {ending}"] += 1
        if ending == "vanish":
            await socket.leave()
            await asyncio.sleep(15)
        elif ending == "wait":
            with suppress(TimeoutError):
                async with asyncio.timeout(20):
                    await socket.over.wait()
            await self._ask("POST", f"/contacts/{id}/end", {})
        elif ending == "transfer":
            queue = LIVE if contact["queue"] == PERSISTENT else PERSISTENT
            await self._ask("POST", f"/contacts/{id}/transfer", {"queue": queue})
        else:
            await self._ask("POST", f"/contacts/{id}/{ending}", {})

    async def _keep_parked(self, id: str) -> None:
        await asyncio.sleep(self._random.uniform(1, 6))
        if self._random.random() < 0.5:
            await self._ask("POST", f"/contacts/{id}/resume", {})
            self._woken.set()
        self._forget(f"parked {id}")

    async def _wrap_up(self, id: str) -> None:
        if self._random.random() < 0.6:
            await asyncio.sleep(self._random.uniform(0.3, 3))
            await self._ask("POST", f"/contacts/{id}/close", {})
        else:
            await asyncio.sleep(60)  # the time of the wrap-up closes it

    def _forget(self, name: str) -> None:
        """A contact that is the agent's again later is another talk."""
        self._busy.pop(name, None)

    async def _until(self, socket: StayingSocket, event: asyncio.Event) -> None:
        waits = [asyncio.create_task(each.wait()) for each in (event, socket.over)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    async def _listen(self) -> None:
        """Keep the agent socket open, and continue after the last event."""
        while True:
            with suppress(*FAILED):
                await self._listen_once()
            await asyncio.sleep(self._random.uniform(0.2, 1.0))

    async def _listen_once(self) -> None:
        door = self._random.choice(self._caller.doors)
        after = f"?after={self._numbers[-1]}" if self._numbers else ""
        timeout = aiohttp.ClientWSTimeout(ws_close=1.0)  # pyright: ignore[reportCallIssue] - an attrs class
        async with asyncio.timeout(5):
            connection = await self._caller.session.ws_connect(
                f"{door}/v1/agent/socket{after}", headers=self._bearer, timeout=timeout
            )
        async with connection:
            while True:
                await connection.send_str('{"type": "ping"}')
                async with asyncio.timeout(8):
                    while (frame := json.loads(await connection.receive_str()))["type"] != "pong":
                        self._receive(frame)
                with suppress(TimeoutError):
                    async with asyncio.timeout(3):
                        self._receive(json.loads(await connection.receive_str()))

    def _receive(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "hello" and self._numbers:
            return  # it names the number from which this socket continues
        if frame["type"] == "reset":
            self._numbers.clear()
        if frame["type"] != "pong":
            self._numbers.append(frame["seq"])
            self._woken.set()
