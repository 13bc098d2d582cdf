"""The socket of an agent's desk: each agent hears what is for them, once and in order, whatever happens to the connection."""

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

WAIT = 10
GRACE = 3
SHOWN = re.findall(r'^\{"type": .*\}$', (ROOT / "README.md").read_text(), re.MULTILINE)
KEYS = {frame["type"]: frame.keys() for frame in map(json.loads, SHOWN)}
"""What the README shows of frames."""


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A Perennial of three agents, two with a workstream that only they serve and one that both serve."""
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
            "PERENNIAL_DESK_GRACE": f"PT{GRACE}S",
        },
    )
    running.start()
    with httpx.Client(base_url=running.url, timeout=30) as http:
        yield Api(running, http)
    assert running.stop() == 0, running.log()
    assert "Traceback" not in running.log()


def address(api: Api, token: str) -> str:
    return api.stack.url.replace("http", "ws", 1) + f"/v1/agent/socket?token={token}"


class Agent:
    """An agent's client: remembers the last event it has seen, as clients have to."""

    def __init__(self, api: Api, user: str) -> None:
        self.api, self.user = api, user
        signed_in = api.send("SignIn", {"instance": "demo", "user": user}).raise_for_status()
        self.token: str = signed_in.json()["token"]
        self.seen: int | None = None

    def call(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self.token}"}
        answer = self.api.http.request(method, f"/v1/agent{path}", headers=headers, json=body or None)
        assert answer.is_success, answer.text
        return answer.json()

    def become(self, presence: str) -> None:
        self.call("PUT", "/presence", presence=presence)

    def presence(self) -> str:
        return self.call("GET", "")["presence"]

    @contextmanager
    def desk(self, after: int | None = None) -> Generator[Desk]:
        """The socket of the desk, after its first frame; it goes on after what this client has seen."""
        after = self.seen if after is None else after
        url = address(self.api, self.token) + (f"&after={after}" if after is not None else "")
        with connect(url, close_timeout=WAIT) as socket:
            desk = Desk(self, socket)
            desk.hello = desk.hear("hello")
            yield desk


class Desk:
    def __init__(self, agent: Agent, socket: ClientConnection) -> None:
        self.agent, self.socket = agent, socket
        self.hello: dict[str, Any] = {}

    def hear(self, type: str) -> dict[str, Any]:
        """The next frame, which must be of this type."""
        frame = json.loads(self.socket.recv(timeout=WAIT))
        assert frame["type"] == type, frame
        assert frame.keys() == KEYS.get(type, frame.keys())
        if "seq" in frame:
            assert type in ("hello", "reset") or self.agent.seen is None or frame["seq"] == self.agent.seen + 1
            self.agent.seen = frame["seq"]
        return frame

    def hears_nothing(self) -> None:
        """The answer to a ping comes after all that was there before it."""
        self.socket.send(json.dumps({"type": "ping"}))
        assert self.hear("pong") == {"type": "pong"}

    def take(self, chat: Chat) -> None:
        """Accepts the offer that comes, and hears that the chat is theirs."""
        offer = self.hear("offer")
        assert offer["contact_id"] == chat.contact_id
        self.agent.call("POST", f"/offers/{offer['offer_id']}/accept")
        over, assigned = self.hear("offer-over"), self.hear("assigned")
        assert (over["offer_id"], over["outcome"]) == (offer["offer_id"], "accepted")
        assert (assigned["contact_id"], assigned["stage"]) == (chat.contact_id, "working")


@pytest.fixture
def ann(floor: Api) -> Iterator[Agent]:
    agent = Agent(floor, "ann")
    agent.become("available")
    yield agent
    agent.become("offline")


@pytest.fixture
def bob(floor: Api) -> Iterator[Agent]:
    agent = Agent(floor, "bob")
    agent.become("available")
    yield agent
    agent.become("offline")


def write(api: Api, chat: Chat) -> None:
    api.send("SendMessage", {"ContentType": "text/plain", "Content": "there?"}, chat=chat).raise_for_status()


def close(agent: Agent, desk: Desk, chat: Chat) -> None:
    for action, stage in (("end", "wrap_up"), ("close", "gone")):
        agent.call("POST", f"/contacts/{chat.contact_id}/{action}")
        assert desk.hear("state")["stage"] == stage


def test_the_life_of_a_contact(floor: Api, ann: Agent) -> None:
    with ann.desk() as desk:
        assert set(desk.hello) == {"seq", "at", "type", "head", "presence", "next_presence"}
        assert (desk.hello["presence"], desk.hello["seq"]) == ("available", desk.hello["head"])
        chat = floor.start()
        desk.take(chat)
        ann.call("POST", f"/contacts/{chat.contact_id}/park")
        state = desk.hear("state")
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
        write(floor, chat)
        returned = desk.hear("returned")
        assert (returned["contact_id"], returned["bound"]) == (chat.contact_id, True)
        desk.take(chat)
        close(ann, desk, chat)
        ann.become("busy")
        assert desk.hear("presence")["presence"] == "busy"
        desk.hears_nothing()


def test_an_offer_comes_at_once(floor: Api, ann: Agent) -> None:
    with ann.desk() as desk:
        began = time.monotonic()
        chat = floor.start()
        desk.take(chat)
        assert time.monotonic() - began < 1.5
        close(ann, desk, chat)


def test_each_hears_what_is_theirs_on_all_their_sockets(floor: Api, ann: Agent, bob: Agent) -> None:
    with ann.desk() as first, bob.desk() as other:
        with connect(address(floor, ann.token)) as second:
            assert json.loads(second.recv(timeout=WAIT))["type"] == "hello"
            chat = floor.start()
            first.take(chat)
            types = [json.loads(second.recv(timeout=WAIT))["type"] for _ in range(3)]
            assert types == ["offer", "offer-over", "assigned"]
        close(ann, first, chat)
        other.hears_nothing()


def test_who_reconnects_misses_nothing_and_hears_nothing_twice(floor: Api, ann: Agent) -> None:
    with ann.desk() as desk:
        chat = floor.start()
        desk.take(chat)
    ann.call("POST", f"/contacts/{chat.contact_id}/park")
    with ann.desk() as desk:
        assert (desk.hello["seq"], desk.hello["head"]) == (desk.hello["seq"], desk.hello["seq"] + 1)
        assert desk.hear("state")["stage"] == "parked"
    with ann.desk() as desk:
        desk.hears_nothing()
        write(floor, chat)
        desk.hear("returned")
        desk.take(chat)
        close(ann, desk, chat)


@pytest.mark.parametrize("after", [0, -1, 2**62, -(2**70)])
def test_who_asks_for_what_is_not_kept_is_told_to_read_anew(ann: Agent, after: int) -> None:
    with ann.desk(after=after) as desk:
        assert desk.hear("reset")["seq"] == desk.hello["head"] == desk.hello["seq"]
        desk.hears_nothing()


def test_nonsense_is_passed_over(ann: Agent) -> None:
    with ann.desk() as desk:
        for nonsense in ("", "{", "[]", "1", '{"type": 1}', "[" * 60_000, b"\x00"):
            desk.socket.send(nonsense)
        desk.hears_nothing()


class TestLoss:
    def test_who_comes_back_in_time_is_as_they_were(self, floor: Api, ann: Agent) -> None:
        with ann.desk():
            pass
        time.sleep(1)
        chat = floor.start()
        time.sleep(1)
        with ann.desk() as desk:
            assert desk.hello["presence"] == "available"
            assert desk.hello["head"] == desk.hello["seq"], "offered while they were gone"
            desk.take(chat)
            time.sleep(GRACE)
            assert ann.presence() == "available"
            close(ann, desk, chat)

    def test_who_stays_away_is_offline(self, ann: Agent) -> None:
        with ann.desk():
            pass
        eventually(lambda: ann.presence() == "offline", "offline", seconds=GRACE + 5)
        with ann.desk() as desk:
            assert desk.hear("presence")["presence"] == "offline"

    def test_what_they_were_offered_goes_to_the_next(self, floor: Api, ann: Agent, bob: Agent) -> None:
        with bob.desk() as bobs:
            bob.become("away")
            bobs.hear("presence")
            with ann.desk() as anns:
                chat = floor.start("both")
                anns.hear("offer")
                bob.become("available")
                bobs.hear("presence")
            bobs.take(chat)
            close(bob, bobs, chat)
        with ann.desk() as anns:
            assert anns.hear("offer-over")["outcome"] == "withdrawn"

    def test_who_never_had_a_socket_is_not_lost(self, floor: Api) -> None:
        cat = Agent(floor, "cat")
        cat.become("available")
        time.sleep(GRACE + 3)
        assert cat.presence() == "available"


def refused(url: str, **options: Any) -> bool:
    with pytest.raises(InvalidStatus) as refusal:
        with connect(url, **options):
            pass
    return refusal.value.response.status_code == 403


def test_who_may_have_a_socket(floor: Api, ann: Agent) -> None:
    url = floor.stack.url.replace("http", "ws", 1) + "/v1/agent/socket"
    tokens = floor.tokens()
    bad = {
        "none": "",
        "nonsense": "a.b.c",
        "expired": tokens.make(TokenKind.DESK, "ann", timedelta(seconds=-1), instance="demo"),
        "another kind": tokens.make(TokenKind.SOCKET, "ann", instance="demo"),
        "nobody": tokens.make(TokenKind.DESK, "nobody", instance="demo"),
        "nowhere": tokens.make(TokenKind.DESK, "ann", instance="nowhere"),
        "cut short": ann.token[:-2],
    }
    assert {what for what, token in bad.items() if refused(f"{url}?token={token}")} == set(bad)
    assert refused(f"{url}?token={ann.token}&after=x")
    assert refused(url)
    assert refused(url, additional_headers={"Authorization": f"Basic {ann.token}"})
    with connect(url, additional_headers={"Authorization": f"Bearer {ann.token}"}) as socket:
        assert json.loads(socket.recv(timeout=WAIT))["type"] == "hello"


def test_a_socket_lives_as_long_as_its_token(floor: Api) -> None:
    token = floor.tokens().make(TokenKind.DESK, "ann", timedelta(seconds=2), instance="demo")
    with connect(address(floor, token)) as socket:
        assert json.loads(socket.recv(timeout=WAIT))["type"] == "hello"
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=WAIT)
        assert (socket.close_code, socket.close_reason) == (4001, "the desk token has expired")


def test_a_restart_of_the_api_loses_nothing(floor: Api, ann: Agent) -> None:
    """The last test here: for some seconds after it, those who were connected before count as connected."""
    with ann.desk() as desk:
        chat = floor.start()
        desk.take(chat)
        ann.call("POST", f"/contacts/{chat.contact_id}/park")
        assert floor.stack.stop() == 0
    floor.stack.start()
    with ann.desk() as desk:
        assert desk.hear("state")["stage"] == "parked"
        write(floor, chat)
        desk.hear("returned")
        desk.take(chat)
        close(ann, desk, chat)
