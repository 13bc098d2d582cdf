"""Tokens of an agent end when the agent is taken out of the configuration, and stay ended when the name is given anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.api.administration.admin import ALL, DENIED, Admin
from tests.api.calls import Api, assert_refused
from tests.api.test_right_to_read import frames_until_closed
from tests.api.test_websocket import TIMEOUT_SECONDS, subscribe
from tests.compat.chats import EVENT, Chat, eventually

LATER = "said later"
AGENT = {"name": "New Agent"}
IDS = {"InstanceId": "two"}


@dataclass
class Desk:
    """Everything with which an agent of instance `two` can act."""

    api: Api
    token: str
    chat: Chat
    """The chat of a customer, with the agent's own tokens in `me`."""
    me: Chat

    def call(self, method: str, path: str) -> Any:
        return self.api.http.request(method, path, headers={"authorization": f"Bearer {self.token}"})

    def attempts(self) -> dict[str, Callable[[], Any]]:
        return {
            "list contacts": lambda: self.call("GET", "/v1/agent/contacts"),
            "see the desk": lambda: self.call("GET", "/v1/agent"),
            "join": lambda: self.call("POST", f"/v1/agent/contacts/{self.chat.contact_id}/session"),
            "get a ticket": lambda: self.call("POST", "/v1/agent/socket-ticket"),
            "read": lambda: self.api.send("GetTranscript", {"MaxResults": 100}, chat=self.me),
            "write": lambda: self.api.send("SendMessage", {"ContentType": "text/plain", "Content": "I"}, chat=self.me),
            "type": lambda: self.api.send("SendEvent", {"ContentType": EVENT + "typing"}, chat=self.me),
            "reconnect": lambda: self.api.send(
                "CreateParticipantConnection", {"Type": ["WEBSOCKET", "CONNECTION_CREDENTIALS"]}, chat=self.me
            ),
        }


def sign_in(api: Api, user: str = "new") -> str:
    return api.send("SignIn", {"instance": "two", "user": user}, token=ALL).raise_for_status().json()["token"]


def opened_desk(api: Api) -> Desk:
    """The desk of the agent `new`, with a chat that the agent has joined."""
    chat, token = start_chat(api), sign_in(api)
    api.send("AssociateContactWithUser", {"UserId": "new"}, chat=chat, token=ALL, path=IDS).raise_for_status()
    desk = Desk(api, token, chat, chat)
    session = desk.attempts()["join"]().raise_for_status().json()
    body = {"Type": ["CONNECTION_CREDENTIALS"], "ConnectParticipant": True}
    connection = api.send("CreateParticipantConnection", body, token=session["ParticipantToken"]).raise_for_status()
    token = connection.json()["ConnectionCredentials"]["ConnectionToken"]
    desk.me = Chat(chat.contact_id, session["ParticipantId"], session["ParticipantToken"], token)
    return desk


def start_chat(api: Api) -> Chat:
    body = {
        "InstanceId": "two",
        "ContactFlowId": "persistent",
        "ParticipantDetails": {"DisplayName": "Ada"},
        "ConnectionTypes": ["CONNECTION_CREDENTIALS"],
    }
    chat = api.send("StartChatContact", body, token=ALL).raise_for_status().json()
    token = chat["ConnectionCredentials"]["ConnectionToken"]
    return Chat(chat["ContactId"], chat["ParticipantId"], chat["ParticipantToken"], token)


def participant_socket_url(desk: Desk) -> str:
    connection = desk.attempts()["reconnect"]().raise_for_status().json()
    return connection["Websocket"]["Url"]


def agent_socket_url(desk: Desk) -> str:
    ticket = desk.attempts()["get a ticket"]().raise_for_status().json()["ticket"]
    return desk.api.stack.url.replace("http", "ws") + f"/v1/agent/socket?ticket={ticket}"


@pytest.fixture
def desk(tenants: Api, tenant_admin: Admin) -> Desk:
    tenant_admin.put("/agents/new", AGENT)
    opened = opened_desk(tenants)
    # the dispatcher knows the agent, so the agent has a desk
    eventually(lambda: opened.attempts()["see the desk"]().status_code == 200, "agent")
    return opened


def test_everything_is_permitted_before(desk: Desk) -> None:
    """Control for the tests below."""
    for what, attempt in desk.attempts().items():
        assert attempt().status_code == 200, what


@pytest.mark.parametrize("anew", [False, True], ids=["taken out", "configured anew"])
def test_tokens_end_with_the_agent(tenant_admin: Admin, desk: Desk, anew: bool) -> None:
    tenant_admin.delete("/agents/new")
    if anew:
        tenant_admin.put("/agents/new", AGENT)
        sign_in(desk.api)
    for what, attempt in desk.attempts().items():
        refused = eventually(lambda attempt=attempt: (r := attempt()).status_code == 403 and r, f"end of: {what}")
        assert_refused(refused, *DENIED, "agent does not exist any more")


def test_change_of_an_agent_ends_no_token(tenant_admin: Admin, desk: Desk) -> None:
    tenant_admin.put("/agents/new", {"name": "Renamed", "capacity": 7})
    tenant_admin.put("/agents/another", AGENT)
    tenant_admin.delete("/agents/another")
    for what, attempt in desk.attempts().items():
        assert attempt().status_code == 200, what


def test_new_agent_of_the_same_name_has_tokens_of_their_own(tenant_admin: Admin, desk: Desk) -> None:
    tenant_admin.delete("/agents/new")
    tenant_admin.put("/agents/new", AGENT)
    token = sign_in(desk.api)
    assert token != desk.token
    eventually(
        lambda: Desk(desk.api, token, desk.chat, desk.me).attempts()["see the desk"]().status_code == 200, "desk"
    )


@pytest.mark.parametrize("anew", [False, True], ids=["taken out", "configured anew"])
def test_open_sockets_end_with_the_agent(tenants: Api, tenant_admin: Admin, desk: Desk, anew: bool) -> None:
    with connect(participant_socket_url(desk)) as socket, connect(agent_socket_url(desk)) as agent_socket:
        subscribe(socket)
        assert json.loads(agent_socket.recv(timeout=TIMEOUT_SECONDS))["type"] == "hello"
        tenant_admin.delete("/agents/new")
        if anew:
            tenant_admin.put("/agents/new", AGENT)
            sign_in(tenants)
        frames_until_closed(agent_socket)
        assert agent_socket.close_code == 4003
        frames = ""
        while "chat.ended" not in frames:
            frames += str(socket.recv(timeout=TIMEOUT_SECONDS))
        tenants.send("SendMessage", {"ContentType": "text/plain", "Content": LATER}, chat=desk.chat).raise_for_status()
        assert LATER not in frames_until_closed(socket)


def test_addresses_of_sockets_end_with_the_agent(tenant_admin: Admin, desk: Desk) -> None:
    urls = participant_socket_url(desk), agent_socket_url(desk)
    tenant_admin.delete("/agents/new")
    tenant_admin.put("/agents/new", AGENT)
    sign_in(desk.api)
    for url in urls:
        with pytest.raises(InvalidStatus) as refused:
            with connect(url):
                pass
        assert refused.value.response.status_code == 403
