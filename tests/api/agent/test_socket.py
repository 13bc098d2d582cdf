"""The agent socket: each agent receives their own events, once and in order, also after connection losses."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from api.tokens import TokenKind
from tests.api.agent.socket_agent import TIMEOUT_SECONDS, SocketAgent, end_and_close, send_message, socket_url
from tests.api.calls import Api, assert_refused


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


def handshake(url: str, kind: TokenKind, token: str) -> tuple[str, dict[str, str]]:
    """The address and the headers of a socket that is opened with an agent token or a ticket."""
    return (f"{url}?ticket={token}", {}) if kind is TokenKind.TICKET else (url, {"authorization": f"Bearer {token}"})


def is_refused(url: str, headers: dict[str, str] | None = None) -> bool:
    with pytest.raises(InvalidStatus) as refusal:
        with connect(url, additional_headers=headers):
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
    tokens, minute = agent_api.tokens(), timedelta(minutes=1)
    identity = tokens.verify(TokenKind.AGENT, ann.token)["identity"]
    for kind in (TokenKind.AGENT, TokenKind.TICKET):

        def token(user: str = "ann", life: timedelta | None = minute, kind: TokenKind = kind, **changes: str) -> str:
            claims = {"instance": "demo", "identity": identity, "until": 2_000_000_000, "jti": uuid4().hex, **changes}
            return tokens.make(kind, user, life, **claims)

        invalid_tokens = {
            "none": "",
            "nonsense": "a.b.c",
            "expired": token(life=timedelta(seconds=-1)),
            "without end": token(life=None),
            "another kind": token(kind=TokenKind.SOCKET),
            "unknown agent": token("nobody"),
            "unknown instance": token(instance="nowhere"),
            "another identity": token(identity="x"),
            "cut short": token()[:-2],
        }
        refused = {what for what, invalid in invalid_tokens.items() if is_refused(*handshake(url, kind, invalid))}
        assert refused == set(invalid_tokens)
        address, headers = handshake(url, kind, token())
        with connect(address, additional_headers=headers) as socket:
            assert json.loads(socket.recv(timeout=TIMEOUT_SECONDS))["type"] == "hello"
    assert refused_upgrade(f"{socket_url(agent_api, ann.token)}&after=x") == (400, "after: must be a whole number")
    assert refused_upgrade(f"{url}?ticket=a.b.c") == (403, "The ticket token is not valid.")
    assert is_refused(url)
    assert is_refused(f"{url}?token={ann.token}"), "an agent token does not belong into an address"
    assert is_refused(url, {"Authorization": f"Basic {ann.token}"})


def test_ticket_is_good_once(agent_api: Api, ann: SocketAgent) -> None:
    url = socket_url(agent_api, ann.token)
    with connect(url) as socket:
        assert json.loads(socket.recv(timeout=TIMEOUT_SECONDS))["type"] == "hello"
        assert refused_upgrade(url) == (403, "The ticket has been used. Each socket needs a new one.")
    assert refused_upgrade(url)[0] == 403
    with connect(socket_url(agent_api, ann.token)) as socket:
        assert json.loads(socket.recv(timeout=TIMEOUT_SECONDS))["type"] == "hello"


def test_ticket_opens_nothing_but_a_socket(agent_api: Api, ann: SocketAgent) -> None:
    ticket = socket_url(agent_api, ann.token).partition("ticket=")[2]
    for path in ("/v1/agent", "/v1/agent/contacts"):
        refused = agent_api.http.get(path, headers={"authorization": f"Bearer {ticket}"})
        assert_refused(refused, 403, "AccessDeniedException", "This is a ticket token")


def test_socket_is_closed_when_its_token_expires(agent_api: Api, ann: SocketAgent) -> None:
    tokens = agent_api.tokens()
    identity = tokens.verify(TokenKind.AGENT, ann.token)["identity"]
    token = tokens.make(TokenKind.AGENT, "ann", timedelta(seconds=2), instance="demo", identity=identity)
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
