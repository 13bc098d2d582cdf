"""Chats to test with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from tests.stack import SECRET, Stack

T = TypeVar("T")

INSTANCE = "demo"
EVENT = "application/vnd.amazonaws.connect.event."
DEADLINE_SECONDS = 15


@dataclass(frozen=True)
class Chat:
    """A participant's place in a chat."""

    contact_id: str
    participant_id: str
    participant_token: str
    token: str
    """The connection token."""


def start(connect: Any, workstream: str = "live", **members: Any) -> Chat:
    """A new chat of a customer who holds a connection token."""
    members = {"ParticipantDetails": {"DisplayName": "Ada"}, "ConnectionTypes": ["CONNECTION_CREDENTIALS"], **members}
    chat = connect.start_chat_contact(InstanceId=INSTANCE, ContactFlowId=workstream, **members)
    token = chat["ConnectionCredentials"]["ConnectionToken"]
    return Chat(chat["ContactId"], chat["ParticipantId"], chat["ParticipantToken"], token)


def agent_joins(stack: Stack, connect: Any, participant: Any, chat: Chat, user: str = "a1") -> Chat:
    """The chat from the side of an agent who was given it and is counted as connected."""
    connect.associate_contact_with_user(InstanceId=INSTANCE, ContactId=chat.contact_id, UserId=user)
    signed_in = httpx.post(
        f"{stack.url}/v1/agents/sign-in",
        json={"instance": INSTANCE, "user": user},
        headers={"authorization": f"Bearer {SECRET}"},
    ).raise_for_status()
    joined = httpx.post(
        f"{stack.url}/v1/agent/contacts/{chat.contact_id}/session",
        headers={"authorization": f"Bearer {signed_in.json()['token']}"},
    ).raise_for_status()
    place = joined.json()
    connection = participant.create_participant_connection(
        ParticipantToken=place["ParticipantToken"], Type=["CONNECTION_CREDENTIALS"], ConnectParticipant=True
    )
    token = connection["ConnectionCredentials"]["ConnectionToken"]
    return Chat(chat.contact_id, place["ParticipantId"], place["ParticipantToken"], token)


def say(participant: Any, chat: Chat, text: str, **members: Any) -> str:
    """Sends a text and returns the id it got."""
    members = {"ContentType": "text/plain", **members}
    return participant.send_message(ConnectionToken=chat.token, Content=text, **members)["Id"]


def transcript(participant: Any, chat: Chat) -> list[dict[str, Any]]:
    """All items of a chat of up to 100, the oldest first."""
    page = participant.get_transcript(ConnectionToken=chat.token, MaxResults=100, SortOrder="ASCENDING")
    assert "NextToken" not in page
    return page["Transcript"]


def once_there(participant: Any, chat: Chat, *, item: str = "", event: str = "") -> list[dict[str, Any]]:
    """The transcript, once it holds an item of this id or an event of this name."""

    def look() -> list[dict[str, Any]] | None:
        items = transcript(participant, chat)
        found = any(i["Id"] == item or i["ContentType"] == EVENT + event for i in items)
        return items if found else None

    return eventually(look, f"{item or event} in the transcript")


def eventually(look: Callable[[], T | None], what: str, seconds: float = DEADLINE_SECONDS) -> T:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"still no {what} after {seconds} s"
        time.sleep(0.02)
    return found
