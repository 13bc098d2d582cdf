"""A page of a transcript is limited in bytes. Pages that follow it have the rest, also of the past."""

from __future__ import annotations

import pytest

from api.participant.transcript import MAX_PAGE_BYTES
from tests.api.calls import Api, Json
from tests.compat.chats import Chat, eventually

LARGEST = "\x01" * 16_384
"""Each of these characters takes six bytes."""

MESSAGE = {"ContentType": "text/plain", "Content": LARGEST}

COUNT = 25
"""Messages of this size that take more than two pages."""


@pytest.fixture(scope="module")
def large_chat(api: Api) -> Chat:
    chat = api.start()
    for _ in range(COUNT):
        eventually(lambda: api.send("SendMessage", MESSAGE, chat=chat).is_success, "room for the next message")
    return chat


def pages(api: Api, chat: Chat, **members: Json) -> list[list[str]]:
    """The ids of the messages, page by page."""
    found, token = list[list[str]](), None
    while True:
        body = {"MaxResults": 100, **members, **({"NextToken": token} if token else {})}
        answer = api.send("GetTranscript", body, chat=chat).raise_for_status()
        assert len(answer.content) < 1.5 * MAX_PAGE_BYTES
        found.append([item["Id"] for item in answer.json()["Transcript"] if item["Type"] == "MESSAGE"])
        if (token := answer.json().get("NextToken")) is None:
            return found


@pytest.mark.parametrize("direction", ["FORWARD", "BACKWARD"])
def test_page_of_large_messages_has_fewer_of_them(api: Api, large_chat: Chat, direction: str) -> None:
    start = {"AbsoluteTime": "2000-01-01T00:00:00.000Z"} if direction == "FORWARD" else {}
    found = pages(api, large_chat, ScanDirection=direction, StartPosition=start)
    ids = [id for page in found for id in page]
    assert len(ids) == len(set(ids)) == COUNT
    assert len([page for page in found if page]) >= 3


def test_page_of_a_past_of_large_messages_has_fewer_of_them(api: Api, large_chat: Chat) -> None:
    api.end(large_chat)
    persistent = {"RehydrationType": "ENTIRE_PAST_SESSION", "SourceContactId": large_chat.contact_id}
    eventually(lambda: api.send("GetTranscript", {}, chat=large_chat).json()["Transcript"], "the end")
    chat = eventually(lambda: started(api, persistent), "the chat that goes on")
    found = pages(api, chat, ScanDirection="BACKWARD")
    ids = [id for page in found for id in page]
    assert len(ids) == len(set(ids)) == COUNT
    assert len([page for page in found if page]) >= 3


def started(api: Api, persistent: Json) -> Chat | None:
    answer = api.send(
        "StartChatContact",
        {
            "InstanceId": "demo",
            "ContactFlowId": "persistent",
            "ParticipantDetails": {"DisplayName": "Ada"},
            "ConnectionTypes": ["CONNECTION_CREDENTIALS"],
            "PersistentChat": persistent,
        },
    )
    if not answer.is_success:
        return None
    chat = answer.json()
    token = chat["ConnectionCredentials"]["ConnectionToken"]
    return Chat(chat["ContactId"], chat["ParticipantId"], chat["ParticipantToken"], token)
