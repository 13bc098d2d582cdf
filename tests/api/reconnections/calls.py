"""Requests and responses of the reconnection tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx

from tests.api.calls import Api, valid_body
from tests.compat.chats import Chat

DENIED = (403, "AccessDeniedException")
NOT_FOUND = (404, "ResourceNotFoundException")
REFUSED = (400, "InvalidRequestException")
ONE = "secret-of-the-key-one"
LATE_URL = "https://portal.example/late"
YEAR = timedelta(days=365)


def start_assigned_chat(api: Api, workstream: str = "live", user: str = "a1", **members: Any) -> Chat:
    chat = api.start(workstream, **members)
    api.send("AssociateContactWithUser", {"UserId": user}, chat=chat).raise_for_status()
    return chat


def agent_headers(api: Api, user: str = "a1") -> dict[str, str]:
    signed_in = api.send("SignIn", {"instance": "demo", "user": user}).raise_for_status().json()
    return {"authorization": f"Bearer {signed_in['token']}"}


def act(api: Api, action: str, chat: Chat, user: str = "a1", body: Any = None) -> httpx.Response:
    path = f"/v1/agent/contacts/{chat.contact_id}/{action}"
    return api.http.post(path, headers=agent_headers(api, user), json=body)


def request_link(
    api: Api, contact_id: str, instance: str = "demo", secret: str = "perennial-demo-secret"
) -> httpx.Response:
    path, headers = f"/v1/contacts/{contact_id}/reconnect-link", {"authorization": f"Bearer {secret}"}
    return api.http.post(path, json={"instance": instance}, headers=headers)


def create_link(api: Api, chat: Chat) -> str:
    return request_link(api, chat.contact_id).raise_for_status().json()["reconnect_id"]


def reconnect(api: Api, **body: Any) -> dict[str, Any]:
    response = api.send("Reconnect", {"instance": "demo", **body})
    assert response.status_code == 200, response.text
    return response.json()


def no_offer(reason: str, redirect_url: str | None = None) -> dict[str, Any]:
    return {"chat": None, "reason": reason, "redirect_url": redirect_url}


def read_messages(api: Api, participant_token: str) -> list[str]:
    """Return the messages of a chat, read with a participant token."""
    body = {"Type": ["CONNECTION_CREDENTIALS"]}
    connected = api.send("CreateParticipantConnection", body, token=participant_token).raise_for_status().json()
    token = connected["ConnectionCredentials"]["ConnectionToken"]
    page = api.send("GetTranscript", {"SortOrder": "ASCENDING"}, token=token).json()
    return [item["Content"] for item in page["Transcript"] if item["Type"] == "MESSAGE"]


def send_message(api: Api, chat: Chat, text: str) -> None:
    api.send("SendMessage", {"ContentType": "text/plain", "Content": text}, chat=chat).raise_for_status()


def start_survey(api: Api, chat: Chat) -> Chat:
    """Let the agent end the chat, so that its survey starts; return the contact of the survey."""
    api.send("AssociateContactWithUser", {"UserId": "a1"}, chat=chat).raise_for_status()
    api.send("StartContactStreaming", valid_body("StartContactStreaming", chat)).raise_for_status()
    body = {"Type": ["CONNECTION_CREDENTIALS"], "ConnectParticipant": True}
    api.send("CreateParticipantConnection", body, chat=chat).raise_for_status()
    act(api, "end", chat).raise_for_status()
    page = api.send("GetTranscript", {"MaxResults": 1}, chat=chat).raise_for_status().json()
    return replace(chat, contact_id=page["Transcript"][0]["ContactId"])
