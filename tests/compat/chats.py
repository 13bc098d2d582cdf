"""Helpers that start chats and act in them through boto3."""

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
DEADLINE_SECONDS = 45


@dataclass(frozen=True)
class Chat:
    """A chat and the credentials of one of its participants."""

    contact_id: str
    participant_id: str
    participant_token: str
    token: str
    """Connection token."""


def start_chat(connect: Any, workstream: str = "live", **members: Any) -> Chat:
    """Start a chat; return it with the customer's connection token."""
    members = {"ParticipantDetails": {"DisplayName": "Ada"}, "ConnectionTypes": ["CONNECTION_CREDENTIALS"], **members}
    chat = connect.start_chat_contact(InstanceId=INSTANCE, ContactFlowId=workstream, **members)
    token = chat["ConnectionCredentials"]["ConnectionToken"]
    return Chat(chat["ContactId"], chat["ParticipantId"], chat["ParticipantToken"], token)


def join_as_agent(stack: Stack, connect: Any, participant: Any, chat: Chat, user: str = "a1") -> Chat:
    """Assign the chat to an agent and connect that agent; return the chat with the agent's credentials."""
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
    session = joined.json()
    connection = participant.create_participant_connection(
        ParticipantToken=session["ParticipantToken"], Type=["CONNECTION_CREDENTIALS"], ConnectParticipant=True
    )
    token = connection["ConnectionCredentials"]["ConnectionToken"]
    return Chat(chat.contact_id, session["ParticipantId"], session["ParticipantToken"], token)


def send_message(participant: Any, chat: Chat, text: str, **members: Any) -> str:
    """Send a message; return its id."""
    members = {"ContentType": "text/plain", **members}
    return participant.send_message(ConnectionToken=chat.token, Content=text, **members)["Id"]


def read_transcript(participant: Any, chat: Chat) -> list[dict[str, Any]]:
    """Return all items of a chat with at most 100 items, oldest first."""
    page = participant.get_transcript(ConnectionToken=chat.token, MaxResults=100, SortOrder="ASCENDING")
    assert "NextToken" not in page
    return page["Transcript"]


def wait_for_transcript(participant: Any, chat: Chat, *, item: str = "", event: str = "") -> list[dict[str, Any]]:
    """Wait until the transcript contains the item with this id or an event of this name; return the transcript."""

    def probe() -> list[dict[str, Any]] | None:
        items = read_transcript(participant, chat)
        result = any(i["Id"] == item or i["ContentType"] == EVENT + event for i in items)
        return items if result else None

    return eventually(probe, f"{item or event} in the transcript")


def eventually(probe: Callable[[], T | None], what: str, seconds: float = DEADLINE_SECONDS) -> T:
    """Call `probe` until its result is truthy; return that result. Fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (result := probe()):
        assert time.monotonic() < deadline, f"still no {what} after {seconds} s"
        time.sleep(0.02)
    return result
