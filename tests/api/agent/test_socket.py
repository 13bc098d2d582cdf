"""The agent socket: each agent receives their own events, once and in order, also after connection losses."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from api.tokens import TokenKind
from tests.api.calls import Api
from tests.compat.chats import Chat, eventually
from tests.stack import ROOT, Stack

TIMEOUT_SECONDS = 10
GRACE_SECONDS = 3
DOCUMENTED_FRAMES = re.findall(r'^\{"type": .*\}$', (ROOT / "docs/agents.md").read_text(), re.MULTILINE)
FRAME_KEYS = {frame["type"]: frame.keys() for frame in map(json.loads, DOCUMENTED_FRAMES)}
"""Keys of the frames in docs/agents.md, by type."""
assert "offer" in FRAME_KEYS


@pytest.fixture(scope="module")
def agent_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A Perennial with three agents. Ann and Bob each serve their own queue and one together; Cat has no socket."""
    folder = tmp_path_factory.mktemp("floor")
    config = folder / "floor.toml"
    config.write_text(
        """
        [access_keys.perennial]
        secret = "perennial-demo-secret"
        [instances.demo.workstreams.persistent]
        mode = "persistent"
        queue = "anns"
        [instances.demo.workstreams.bobs]
        mode = "persistent"
        queue = "bobs"
        [instances.demo.workstreams.both]
        mode = "persistent"
        queue = "both"
        [instances.demo.queues.cats]
        [instances.demo.agents.ann]
        name = "Ann"
        capacity = 100
        queues = ["anns", "both"]
        [instances.demo.agents.bob]
        name = "Bob"
        capacity = 100
        queues = ["bobs", "both"]
        [instances.demo.agents.cat]
        name = "Cat, who has no socket"
        queues = ["cats"]
        """
    )
    running = Stack(
        folder / "data",
        {
            "PERENNIAL_CONFIG": str(config),
            "PERENNIAL_PRESENCE_DEBOUNCE": "PT0.3S",
            "PERENNIAL_AGENT_DISCONNECT_GRACE": f"PT{GRACE_SECONDS}S",
        },
    )
    running.start()
    with httpx.Client(base_url=running.url, timeout=30) as http:
        yield Api(running, http)
    assert running.stop() == 0, running.log()
    assert "Traceback" not in running.log()


def socket_url(api: Api, token: str) -> str:
    return api.stack.url.replace("http", "ws", 1) + f"/v1/agent/socket?token={token}"


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


@pytest.fixture
def ann(agent_api: Api) -> Iterator[SocketAgent]:
    agent = SocketAgent(agent_api, "ann")
    agent.set_status("available")
    yield agent
    agent.set_status("offline")


@pytest.fixture
def bob(agent_api: Api) -> Iterator[SocketAgent]:
    agent = SocketAgent(agent_api, "bob")
    agent.set_status("available")
    yield agent
    agent.set_status("offline")


def send_message(api: Api, chat: Chat) -> None:
    api.send("SendMessage", {"ContentType": "text/plain", "Content": "there?"}, chat=chat).raise_for_status()


def end_and_close(agent: SocketAgent, agent_socket: AgentSocket, chat: Chat) -> None:
    for action, stage in (("end", "wrap_up"), ("close", "gone")):
        agent.call("POST", f"/contacts/{chat.contact_id}/{action}")
        assert agent_socket.receive("state")["stage"] == stage


def test_agent_receives_the_events_of_a_contact_from_offer_to_close(agent_api: Api, ann: SocketAgent) -> None:
    with ann.agent_socket() as agent_socket:
        assert set(agent_socket.hello) == {"seq", "at", "type", "head", "status", "next_status"}
        assert (agent_socket.hello["status"], agent_socket.hello["seq"]) == ("available", agent_socket.hello["head"])
        chat = agent_api.start()
        agent_socket.accept_offer(chat)
        ann.call("POST", f"/contacts/{chat.contact_id}/park")
        state = agent_socket.receive("state")
        assert state == {
            "seq": state["seq"],
            "at": state["at"],
            "type": "state",
            "contact_id": chat.contact_id,
            "initial_contact_id": chat.contact_id,
            "queue": "anns",
            "workstream": "persistent",
            "stage": "parked",
        }
        send_message(agent_api, chat)
        returned = agent_socket.receive("returned")
        assert (returned["contact_id"], returned["bound"]) == (chat.contact_id, True)
        agent_socket.accept_offer(chat)
        end_and_close(ann, agent_socket, chat)
        ann.set_status("busy")
        assert agent_socket.receive("status")["status"] == "busy"
        agent_socket.assert_no_frames()


def test_offer_arrives_promptly(agent_api: Api, ann: SocketAgent) -> None:
    with ann.agent_socket() as agent_socket:
        start_time = time.monotonic()
        chat = agent_api.start()
        agent_socket.accept_offer(chat)
        assert time.monotonic() - start_time < 1.5
        end_and_close(ann, agent_socket, chat)


def test_events_reach_every_socket_of_their_agent_only(agent_api: Api, ann: SocketAgent, bob: SocketAgent) -> None:
    with ann.agent_socket() as first, bob.agent_socket() as other:
        with connect(socket_url(agent_api, ann.token)) as second:
            assert json.loads(second.recv(timeout=TIMEOUT_SECONDS))["type"] == "hello"
            chat = agent_api.start()
            first.accept_offer(chat)
            types = [json.loads(second.recv(timeout=TIMEOUT_SECONDS))["type"] for _ in range(3)]
            assert types == ["offer", "offer-over", "assigned"]
        end_and_close(ann, first, chat)
        other.assert_no_frames()


def test_reconnected_socket_receives_every_event_once(agent_api: Api, ann: SocketAgent) -> None:
    with ann.agent_socket() as agent_socket:
        chat = agent_api.start()
        agent_socket.accept_offer(chat)
    ann.call("POST", f"/contacts/{chat.contact_id}/park")
    with ann.agent_socket() as agent_socket:
        assert (agent_socket.hello["seq"], agent_socket.hello["head"]) == (
            agent_socket.hello["seq"],
            agent_socket.hello["seq"] + 1,
        )
        assert agent_socket.receive("state")["stage"] == "parked"
    with ann.agent_socket() as agent_socket:
        agent_socket.assert_no_frames()
        send_message(agent_api, chat)
        agent_socket.receive("returned")
        agent_socket.accept_offer(chat)
        end_and_close(ann, agent_socket, chat)


@pytest.mark.parametrize("after", [0, -1, 2**62, -(2**70)])
def test_reset_is_sent_when_requested_events_are_not_stored(ann: SocketAgent, after: int) -> None:
    with ann.agent_socket(after=after) as agent_socket:
        assert agent_socket.receive("reset")["seq"] == agent_socket.hello["head"] == agent_socket.hello["seq"]
        agent_socket.assert_no_frames()


def test_malformed_frames_are_ignored(ann: SocketAgent) -> None:
    with ann.agent_socket() as agent_socket:
        for nonsense in ("", "{", "[]", "1", '{"type": 1}', "[" * 60_000, b"\x00"):
            agent_socket.socket.send(nonsense)
        agent_socket.assert_no_frames()


class TestDisconnect:
    def test_agent_who_reconnects_within_grace_period_stays_available(self, agent_api: Api, ann: SocketAgent) -> None:
        with ann.agent_socket():
            pass
        time.sleep(1)
        chat = agent_api.start()
        time.sleep(1)
        with ann.agent_socket() as agent_socket:
            assert agent_socket.hello["status"] == "available"
            assert agent_socket.hello["head"] == agent_socket.hello["seq"], (
                "the chat must not be offered while the agent is disconnected"
            )
            agent_socket.accept_offer(chat)
            time.sleep(GRACE_SECONDS)
            assert ann.status() == "available"
            end_and_close(ann, agent_socket, chat)

    def test_agent_is_set_offline_after_grace_period(self, ann: SocketAgent) -> None:
        with ann.agent_socket():
            pass
        eventually(lambda: ann.status() == "offline", "offline", seconds=GRACE_SECONDS + 5)
        with ann.agent_socket() as agent_socket:
            assert agent_socket.receive("status")["status"] == "offline"

    def test_offer_of_disconnected_agent_goes_to_next_agent(
        self, agent_api: Api, ann: SocketAgent, bob: SocketAgent
    ) -> None:
        with bob.agent_socket() as bob_socket:
            bob.set_status("away")
            bob_socket.receive("status")
            with ann.agent_socket() as ann_socket:
                chat = agent_api.start("both")
                ann_socket.receive("offer")
                bob.set_status("available")
                bob_socket.receive("status")
            bob_socket.accept_offer(chat)
            end_and_close(bob, bob_socket, chat)
        with ann.agent_socket() as ann_socket:
            assert ann_socket.receive("offer-over")["outcome"] == "withdrawn"

    def test_agent_who_never_opened_a_socket_stays_available(self, agent_api: Api) -> None:
        cat = SocketAgent(agent_api, "cat")
        cat.set_status("available")
        time.sleep(GRACE_SECONDS + 3)
        assert cat.status() == "available"


def is_refused(url: str, **options: Any) -> bool:
    with pytest.raises(InvalidStatus) as refusal:
        with connect(url, **options):
            pass
    return refusal.value.response.status_code == 403


def refused_upgrade(url: str) -> tuple[int, str]:
    """The status and the message with which an upgrade is refused."""
    with pytest.raises(InvalidStatus) as refusal:
        with connect(url):
            pass
    response = refusal.value.response
    return response.status_code, json.loads(response.body)["Message"]


def test_socket_requires_a_valid_agent_token(agent_api: Api, ann: SocketAgent) -> None:
    url = agent_api.stack.url.replace("http", "ws", 1) + "/v1/agent/socket"
    tokens = agent_api.tokens()
    invalid_tokens = {
        "none": "",
        "nonsense": "a.b.c",
        "expired": tokens.make(TokenKind.AGENT, "ann", timedelta(seconds=-1), instance="demo"),
        "another kind": tokens.make(TokenKind.SOCKET, "ann", instance="demo"),
        "unknown agent": tokens.make(TokenKind.AGENT, "nobody", instance="demo"),
        "unknown instance": tokens.make(TokenKind.AGENT, "ann", instance="nowhere"),
        "cut short": ann.token[:-2],
    }
    assert {what for what, token in invalid_tokens.items() if is_refused(f"{url}?token={token}")} == set(invalid_tokens)
    assert refused_upgrade(f"{url}?token={ann.token}&after=x") == (400, "after: must be a whole number")
    assert refused_upgrade(f"{url}?token=a.b.c") == (403, "The agent token is not valid.")
    assert is_refused(url)
    assert is_refused(url, additional_headers={"Authorization": f"Basic {ann.token}"})
    with connect(url, additional_headers={"Authorization": f"Bearer {ann.token}"}) as socket:
        assert json.loads(socket.recv(timeout=TIMEOUT_SECONDS))["type"] == "hello"


def test_socket_is_closed_when_its_token_expires(agent_api: Api) -> None:
    token = agent_api.tokens().make(TokenKind.AGENT, "ann", timedelta(seconds=2), instance="demo")
    with connect(socket_url(agent_api, token)) as socket:
        assert json.loads(socket.recv(timeout=TIMEOUT_SECONDS))["type"] == "hello"
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=TIMEOUT_SECONDS)
        assert (socket.close_code, socket.close_reason) == (4001, "the agent token has expired")


def test_api_restart_loses_no_events(agent_api: Api, ann: SocketAgent) -> None:
    """The last test of the file: for some seconds after it, earlier connections still count as connected."""
    with ann.agent_socket() as agent_socket:
        chat = agent_api.start()
        agent_socket.accept_offer(chat)
        ann.call("POST", f"/contacts/{chat.contact_id}/park")
        assert agent_api.stack.stop() == 0
    agent_api.stack.start()
    with ann.agent_socket() as agent_socket:
        assert agent_socket.receive("state")["stage"] == "parked"
        send_message(agent_api, chat)
        agent_socket.receive("returned")
        agent_socket.accept_offer(chat)
        end_and_close(ann, agent_socket, chat)
