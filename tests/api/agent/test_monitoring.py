"""A supervisor who monitors a contact: what their client gets, and how the monitor ends."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from tests.api.agent.socket_agent import GRACE_SECONDS, SocketAgent
from tests.api.calls import Api
from tests.api.test_websocket import TIMEOUT_SECONDS, open_socket, socket_url, subscribe
from tests.compat.chats import EVENT, Chat, eventually
from tests.stack import SECRET

pytestmark = pytest.mark.slow


def monitor(api: Api, chat: Chat, *capabilities: str) -> None:
    members = {"UserId": "sue", "AllowedMonitorCapabilities": capabilities}
    api.stack.connect().monitor_contact(InstanceId="demo", ContactId=chat.contact_id, **members)


def session(api: Api, sue: SocketAgent, chat: Chat) -> httpx.Response:
    headers = {"authorization": f"Bearer {sue.token}"}
    return api.http.post(f"/v1/agent/contacts/{chat.contact_id}/session", headers=headers)


def as_supervisor(api: Api, sue: SocketAgent, chat: Chat) -> Chat:
    details = session(api, sue, chat).raise_for_status().json()
    return Chat(chat.contact_id, details["ParticipantId"], details["ParticipantToken"], "")


def departures(api: Api, chat: Chat) -> list[dict[str, Any]]:
    items = api.stack.participant().get_transcript(ConnectionToken=chat.token, MaxResults=100)["Transcript"]
    return [item for item in items if item.get("ContentType") == EVENT + "participant.left"]


def test_client_of_a_supervisor_is_told(agent_api: Api) -> None:
    sue, chat = SocketAgent(agent_api, "sue"), agent_api.start("bobs")
    with sue.agent_socket() as agent_socket:
        for may_barge, capabilities in ((False, ()), (True, ("SILENT_MONITOR", "BARGE"))):
            monitor(agent_api, chat, *capabilities)
            event = agent_socket.receive("monitor")
            assert (event["contact_id"], event["may_barge"]) == (chat.contact_id, may_barge)


def test_supervisor_who_loses_the_connection_leaves_after_the_grace(agent_api: Api) -> None:
    sue, chat = SocketAgent(agent_api, "sue"), agent_api.start("bobs")
    monitor(agent_api, chat, "BARGE")
    with open_socket(socket_url(agent_api, as_supervisor(agent_api, sue, chat))) as socket:
        subscribe(socket)
        # nobody leaves who is connected: there is nothing to wait for but the end of the grace and of a look
        time.sleep(GRACE_SECONDS + 6)
        assert departures(agent_api, chat) == []
    [left] = eventually(lambda: departures(agent_api, chat), "the departure", seconds=GRACE_SECONDS + 20)
    assert left["ParticipantRole"] == "SUPERVISOR"
    assert session(agent_api, sue, chat).status_code == 404


@pytest.mark.parametrize("capability", ["SILENT_MONITOR", "BARGE"])
def test_agent_who_is_no_supervisor_any_more_monitors_nothing(agent_api: Api, capability: str) -> None:
    sue, chat = SocketAgent(agent_api, "sue"), agent_api.start("bobs")
    monitor(agent_api, chat, capability)
    table, key = "/v1/instances/demo/agents/sue", {"authorization": f"Bearer {SECRET}"}
    with open_socket(socket_url(agent_api, as_supervisor(agent_api, sue, chat))) as socket:
        subscribe(socket)
        agent_api.http.put(table, json={"name": "Sue", "queues": []}, headers=key).raise_for_status()
        try:
            frames = ""
            while "chat.ended" not in frames:
                frames = str(socket.recv(timeout=2 * TIMEOUT_SECONDS))
        finally:
            agent_api.http.post(f"{table}/reset", headers=key).raise_for_status()
    assert len(departures(agent_api, chat)) == (capability == "BARGE")
    assert session(agent_api, sue, chat).status_code == 404


def test_silent_supervisor_who_never_connects_is_forgotten(agent_api: Api) -> None:
    sue, chat = SocketAgent(agent_api, "sue"), agent_api.start("bobs")
    monitor(agent_api, chat)
    assert session(agent_api, sue, chat).is_success
    eventually(lambda: session(agent_api, sue, chat).status_code == 404, "the end", seconds=GRACE_SECONDS + 20)
    assert departures(agent_api, chat) == []


def test_supervisor_who_gets_the_contact_joins_as_its_agent(agent_api: Api) -> None:
    sue, chat = SocketAgent(agent_api, "sue"), agent_api.start("bobs")
    monitor(agent_api, chat)
    watching = as_supervisor(agent_api, sue, chat)
    headers = {"authorization": f"Bearer {sue.token}"}
    route = f"/v1/supervision/contacts/{chat.contact_id}"
    agent_api.http.post(f"{route}/assign", json={"user": "sue"}, headers=headers).raise_for_status()
    serving = as_supervisor(agent_api, sue, chat)
    assert serving.participant_id != watching.participant_id
    body = {"Type": ["CONNECTION_CREDENTIALS"], "ConnectParticipant": True}
    connection = agent_api.send("CreateParticipantConnection", body, chat=serving).raise_for_status().json()
    token = connection["ConnectionCredentials"]["ConnectionToken"]
    serving = Chat(chat.contact_id, serving.participant_id, serving.participant_token, token)
    agent_api.send("SendMessage", {"ContentType": "text/plain", "Content": "hello"}, chat=serving).raise_for_status()
    agent_api.http.post(f"{route}/end", headers=headers).raise_for_status()
