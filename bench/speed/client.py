"""The load: customers and agents over real HTTP and WebSockets, in the process of the benchmark."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

import aiohttp

from tests.stack import SECRET

BACKEND = {"authorization": f"Bearer {SECRET}"}
INSTANCE, WORKSTREAM, AGENT = "demo", "persistent", "a1"
CHAT_MESSAGE = "text/plain"
FRAME_TIMEOUT = 60.0
THROTTLED = 429
THROTTLED_SECONDS = 0.2
"""How long a sender waits who was throttled."""


class Refused(Exception):
    """A request was not answered with 200."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


class Http:
    """The HTTP client of a benchmark."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """Send a request and return the JSON of its response.

        Raises:
            Refused: the status is not 200.
        """
        data = None if body is None else json.dumps(body).encode()
        async with self.session.request(method, self.url + path, data=data, headers=headers) as response:
            text = await response.text()
            if response.status != 200:
                raise Refused(response.status, text)
            return json.loads(text)


class SimulatedParticipant:
    """A customer or an agent in a chat, with a connection token."""

    def __init__(self, http: Http, token: str) -> None:
        self.http = http
        self.participant_token = token
        self.token = ""
        self.socket_url = ""

    async def connect(self) -> None:
        """Create a connection, as ChatJS does."""
        body = {"Type": ["WEBSOCKET", "CONNECTION_CREDENTIALS"]}
        answer = await self.http.call(
            "POST", "/participant/connection", body, **{"x-amz-bearer": self.participant_token}
        )
        if "ConnectionCredentials" in answer:
            self.token = answer["ConnectionCredentials"]["ConnectionToken"]
        if "Websocket" in answer:
            self.socket_url = answer["Websocket"]["Url"]

    async def send(self, text: str, token: str | None = None) -> str:
        """Send a message and return its id. Each message has a ClientToken, as boto3 adds one."""
        body = {"ContentType": CHAT_MESSAGE, "Content": text, "ClientToken": token or text}
        answer = await self.http.call("POST", "/participant/message", body, **{"x-amz-bearer": self.token})
        return answer["Id"]

    async def send_patiently(self, text: str) -> None:
        """Send a message. Send it again while it is throttled, as boto3 and ChatJS do."""
        while True:
            try:
                await self.send(text)
            except Refused as error:
                if error.status != THROTTLED:
                    raise
                await asyncio.sleep(THROTTLED_SECONDS)
            else:
                return

    async def send_event(self, content_type: str, content: str | None = None) -> None:
        """Send an event."""
        body = {"ContentType": content_type} | ({"Content": content} if content else {})
        await self.http.call("POST", "/participant/event", body, **{"x-amz-bearer": self.token})

    async def transcript(self, **members: object) -> Any:
        """Read a page of the transcript."""
        body = {"MaxResults": 15, "StartPosition": {}, **members}
        return await self.http.call("POST", "/participant/transcript", body, **{"x-amz-bearer": self.token})


class Socket:
    """An open, subscribed socket. It notes each message with the time of its arrival."""

    def __init__(self, connection: aiohttp.ClientWebSocketResponse, changed: asyncio.Event | None = None) -> None:
        """Read an open connection.

        Args:
            connection: the connection.
            changed: is set whenever something arrives.
        """
        self._connection = connection
        self.messages: list[str] = []
        """Content of the messages, in the order of their arrival."""
        self.arrivals: dict[str, float] = {}
        self.events: list[str] = []
        """Content types of the events, in the order of their arrival."""
        self.ended = asyncio.Event()
        self._changed = changed or asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def wait_for(self, count: int) -> None:
        """Wait until this number of messages has arrived."""
        await self._wait(lambda: len(self.messages) >= count)

    async def wait_for_events(self, count: int) -> None:
        """Wait until this number of events has arrived."""
        await self._wait(lambda: len(self.events) >= count)

    async def _wait(self, condition: Any) -> None:
        async with asyncio.timeout(FRAME_TIMEOUT):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def heartbeat(self) -> None:
        """Send a heartbeat, as ChatJS does every ten seconds."""
        await self._connection.send_str('{"topic": "aws/heartbeat"}')

    async def close(self) -> None:
        """Close the socket."""
        self._reader.cancel()
        await self._connection.close()

    async def _read(self) -> None:
        try:
            await self._read_frames()
        finally:
            self.ended.set()
            self._changed.set()

    async def _read_frames(self) -> None:
        async for message in self._connection:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            frame = json.loads(message.data)
            if frame["topic"] == "aws/chat":
                item = json.loads(frame["content"])
                if item["Type"] == "MESSAGE":
                    self.messages.append(item["Content"])
                    self.arrivals[item["Content"]] = perf_counter()
                else:
                    self.events.append(item["ContentType"])
                self._changed.set()


async def open_socket(participant: SimulatedParticipant, changed: asyncio.Event | None = None) -> Socket:
    """Open the participant's socket and subscribe. See `Socket` for `changed`."""
    connection = await participant.http.session.ws_connect(participant.socket_url, max_msg_size=0)
    await connection.send_str('{"topic": "aws/subscribe", "content": {"topics": ["aws/chat"]}}')
    first = await connection.receive_json()
    if first["content"]["status"] != "success":
        raise AssertionError(f"not subscribed: {first}")
    return Socket(connection, changed)


class Chat:
    """A chat of a customer with an agent."""

    def __init__(self, contact_id: str, customer: SimulatedParticipant) -> None:
        self.contact_id = contact_id
        self.customer = customer
        self.agent: SimulatedParticipant | None = None


class Backend:
    """A backend of the product: starts chats and assigns them to the one agent of the benchmark."""

    def __init__(self, http: Http) -> None:
        self.http = http
        self._agent_token = ""

    async def start(self, **members: object) -> Chat:
        """Start a chat, with a connection token for its customer."""
        body = {
            "InstanceId": INSTANCE,
            "ContactFlowId": WORKSTREAM,
            "ParticipantDetails": {"DisplayName": "Ada"},
            "ConnectionTypes": ["CONNECTION_CREDENTIALS"],
            **members,
        }
        answer = await self.http.call("PUT", "/contact/chat", body, **BACKEND)
        customer = SimulatedParticipant(self.http, answer["ParticipantToken"])
        customer.token = answer["ConnectionCredentials"]["ConnectionToken"]
        return Chat(answer["ContactId"], customer)

    async def start_with_agent(self, **members: object) -> Chat:
        """Start a chat, and connect the agent to it."""
        chat = await self.start(**members)
        if not self._agent_token:
            body = {"instance": INSTANCE, "user": AGENT}
            self._agent_token = (await self.http.call("POST", "/v1/agents/sign-in", body, **BACKEND))["token"]
        own = {"authorization": f"Bearer {self._agent_token}"}
        assign = f"/contacts/{INSTANCE}/{chat.contact_id}/associate-user"
        await self.http.call("POST", assign, {"UserId": AGENT}, **BACKEND)
        for _ in range(200):
            try:
                session = await self.http.call("POST", f"/v1/agent/contacts/{chat.contact_id}/session", {}, **own)
            except Refused:
                await asyncio.sleep(0.05)
            else:
                break
        else:
            raise AssertionError("the agent does not get the chat")
        chat.agent = SimulatedParticipant(self.http, session["ParticipantToken"])
        await chat.agent.connect()
        return chat


@asynccontextmanager
async def backend(url: str) -> AsyncGenerator[Backend, None]:
    """Provide a backend, with as many connections as it needs."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=120)) as session:
        yield Backend(Http(url, session))
