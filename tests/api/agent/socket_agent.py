"""Agents who are connected by the agent socket, for tests."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.api.calls import Api
from tests.compat.chats import Chat
from tests.stack import ROOT

TIMEOUT_SECONDS = 10
GRACE_SECONDS = 3
DOCUMENTED_FRAMES = re.findall(r'^\{"type": .*\}$', (ROOT / "docs/agents.md").read_text(), re.MULTILINE)
FRAME_KEYS = {frame["type"]: frame.keys() for frame in map(json.loads, DOCUMENTED_FRAMES)}
"""Keys of the frames in docs/agents.md, by type."""
assert "offer" in FRAME_KEYS


def socket_url(api: Api, token: str) -> str:
    """The address of one agent socket: its ticket is good once."""
    headers = {"authorization": f"Bearer {token}"}
    ticket = api.http.post("/v1/agent/socket-ticket", headers=headers).raise_for_status().json()["ticket"]
    return api.stack.url.replace("http", "ws", 1) + f"/v1/agent/socket?ticket={ticket}"


class SocketAgent:
    """Client of an agent. As every client must, it remembers the number of the last event received."""

    def __init__(self, api: Api, user: str) -> None:
        self.api, self.user = api, user
        signed_in = api.send("SignIn", {"instance": "demo", "user": user}).raise_for_status()
        self.token: str = signed_in.json()["token"]
        self.last_seq: int | None = None

    def call(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self.token}"}
        response = self.api.http.request(method, f"/v1/agent{path}", headers=headers, json=body or None)
        assert response.is_success, response.text
        return response.json()

    def set_status(self, status: str) -> None:
        self.call("PUT", "/status", status=status)

    def status(self) -> str:
        return self.call("GET", "")["status"]

    @contextmanager
    def agent_socket(self, after: int | None = None) -> Generator[AgentSocket]:
        """Open a socket and receive its `hello`. It resumes after `after`, or after the last event received."""
        after = self.last_seq if after is None else after
        url = socket_url(self.api, self.token) + (f"&after={after}" if after is not None else "")
        with connect(url, close_timeout=TIMEOUT_SECONDS) as socket:
            agent_socket = AgentSocket(self, socket)
            agent_socket.hello = agent_socket.receive("hello")
            yield agent_socket


class AgentSocket:
    def __init__(self, agent: SocketAgent, socket: ClientConnection) -> None:
        self.agent, self.socket = agent, socket
        self.hello: dict[str, Any] = {}

    def receive(self, type: str) -> dict[str, Any]:
        """Receive the next frame, which must be of this type."""
        frame = json.loads(self.socket.recv(timeout=TIMEOUT_SECONDS))
        assert frame["type"] == type, frame
        assert frame.keys() == FRAME_KEYS.get(type, frame.keys())
        if "seq" in frame:
            assert type in ("hello", "reset") or self.agent.last_seq is None or frame["seq"] == self.agent.last_seq + 1
            self.agent.last_seq = frame["seq"]
        return frame

    def assert_no_frames(self) -> None:
        """No frame was waiting: the next one is the answer to a ping."""
        self.socket.send(json.dumps({"type": "ping"}))
        assert self.receive("pong") == {"type": "pong"}

    def accept_offer(self, chat: Chat) -> None:
        """Accept the next offer, and receive the events of the assignment."""
        offer = self.receive("offer")
        assert offer["contact_id"] == chat.contact_id
        self.agent.call("POST", f"/offers/{offer['offer_id']}/accept")
        ended, assigned = self.receive("offer-over"), self.receive("assigned")
        assert (ended["offer_id"], ended["outcome"]) == (offer["offer_id"], "accepted")
        assert (assigned["contact_id"], assigned["stage"]) == (chat.contact_id, "working")


def send_message(api: Api, chat: Chat) -> None:
    api.send("SendMessage", {"ContentType": "text/plain", "Content": "there?"}, chat=chat).raise_for_status()


def end_and_close(agent: SocketAgent, agent_socket: AgentSocket, chat: Chat) -> None:
    for action, stage in (("end", "wrap_up"), ("close", "gone")):
        agent.call("POST", f"/contacts/{chat.contact_id}/{action}")
        assert agent_socket.receive("state")["stage"] == stage
