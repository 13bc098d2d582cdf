"""Every text that an operation takes: its length, its type, and the characters that nothing can keep."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.api.calls import ABSENT, Api, assert_refused, changed, shape_error, valid, value_error
from tests.compat.chats import EVENT, Chat

IR, IP, V = "InvalidRequestException", "InvalidParameterException", "ValidationException"
NOT_FOUND = (404, "ResourceNotFoundException")
SURROGATES = ("\ud800", "a\udfff", "\udc00\ud800")


class Text(NamedTuple):
    """A member that is text, how long it may be, and what becomes of one of the longest; None is success."""

    operation: str
    member: str
    most: int | None
    longest: tuple[int, str] | None = None
    least: int = 1
    required: bool = False
    in_bytes: bool = False


TEXTS = (
    Text("StartChatContact", "InstanceId", 100, NOT_FOUND, required=True),
    Text("StartChatContact", "ContactFlowId", 500, NOT_FOUND, required=True),
    Text("StartChatContact", "ParticipantDetails.DisplayName", 256, required=True),
    Text("StartChatContact", "InitialMessage.Content", 16_384, required=True, in_bytes=True),
    Text("StartChatContact", "ClientToken", 500, least=0),
    Text("StartChatContact", "PersistentChat.SourceContactId", 256, (400, IR)),
    Text("StartChatContact", "RelatedContactId", 256, NOT_FOUND),
    Text("StartChatContact", "SegmentAttributes.a.ValueString", 1024, least=0),
    Text("StartChatContact", "SegmentAttributes.a.ValueArn", 1024, least=0),
    Text("StartChatContact", "SegmentAttributes.a.ValueMap.b.ValueString", 1024, least=0),
    Text("StartChatContact", "CustomerId", 128),
    Text("StartChatContact", "ChatStreamingConfiguration.StreamingEndpointArn", 350, (400, IR), required=True),
    Text("StartChatContact", "Attributes.a", None, least=0),
    Text("StopContact", "InstanceId", 100, NOT_FOUND, required=True),
    Text("StopContact", "ContactId", 256, (410, "ContactNotFoundException"), required=True),
    Text("StopContact", "DisconnectReason.Code", None, least=0),
    Text("UpdateContactAttributes", "InstanceId", 100, NOT_FOUND, required=True),
    Text("UpdateContactAttributes", "InitialContactId", 256, NOT_FOUND, required=True),
    Text("UpdateContactAttributes", "Attributes.a", None, least=0),
    Text("AssociateContactWithUser", "UserId", 256, NOT_FOUND, required=True),
    Text("SearchContacts", "InstanceId", 100, NOT_FOUND, required=True),
    Text("SearchContacts", "NextToken", 100_000, (400, IP)),
    Text("TransferContact", "InstanceId", 100, NOT_FOUND, required=True),
    Text("TransferContact", "ContactId", 256, NOT_FOUND, required=True),
    Text("TransferContact", "ContactFlowId", 500, NOT_FOUND, required=True),
    Text("TransferContact", "QueueId", 256, NOT_FOUND),
    Text("TransferContact", "UserId", 256, (400, IR)),
    Text("CreateParticipant", "InstanceId", 100, NOT_FOUND, required=True),
    Text("CreateParticipant", "ContactId", 256, NOT_FOUND, required=True),
    Text("CreateParticipant", "ParticipantDetails.DisplayName", 256),
    Text("CreateParticipant", "ClientToken", 500, least=0),
    Text("CreatePersistentContactAssociation", "SourceContactId", 256, NOT_FOUND),
    Text("SignIn", "instance", 100, NOT_FOUND, required=True),
    Text("SignIn", "user", 256, NOT_FOUND, required=True),
    Text("Reconnect", "instance", 100, NOT_FOUND, required=True),
    Text("Reconnect", "workstream", 500, NOT_FOUND, required=True),
    Text("Reconnect", "customer_id", 128, required=True),
    Text("Reconnect", "reconnect_id", 1000, (400, IR)),
    Text("SendMessage", "Content", 16_384, required=True, in_bytes=True),
    Text("SendMessage", "ClientToken", 500, least=0),
    Text("SendEvent", "Content", 16_384),
    Text("SendEvent", "ClientToken", 500, least=0),
    Text("GetTranscript", "ContactId", 256, (400, V)),
    Text("GetTranscript", "NextToken", 1000, (400, V)),
    Text("GetTranscript", "StartPosition.Id", 256, (400, V)),
    Text("GetTranscript", "StartPosition.AbsoluteTime", 100, (400, V)),
    Text("DisconnectParticipant", "ClientToken", 500, least=0),
)
CHOICES = (
    Text("StartChatContact", "InitialMessage.ContentType", 100, required=True),
    Text("StartChatContact", "PersistentChat.RehydrationType", None),
    Text("StartChatContact", "ParticipantConfiguration.ResponseMode", None),
    Text("SearchContacts", "TimeRange.Type", None, required=True),
    Text("SearchContacts", "SearchCriteria.SearchableContactAttributes.MatchType", None),
    Text("SearchContacts", "Sort.FieldName", None, required=True),
    Text("SearchContacts", "Sort.Order", None, required=True),
    Text("SendMessage", "ContentType", 100, required=True),
    Text("SendEvent", "ContentType", 100, required=True),
    Text("GetTranscript", "ScanDirection", None),
    Text("GetTranscript", "SortOrder", None),
)
"""Texts of which the service knows all that are allowed."""

LIMITED = [text for text in TEXTS if text.most]
TOO_LONG = ("at most", "UTF-8 bytes")


def name_of(text: Text) -> str:
    return f"{text.operation}-{text.member}"


def body_with(text: Text, chat: Chat, value: object) -> dict[str, object]:
    body = valid(text.operation, chat)
    if text.member.startswith("InitialMessage."):
        body["InitialMessage"] = {"ContentType": "text/plain", "Content": "hello"}
    return changed(body, text.member, value)


@pytest.fixture(params=TEXTS, ids=name_of)
def text(request: pytest.FixtureRequest) -> Text:
    return request.param


@pytest.fixture(params=LIMITED, ids=name_of)
def limited(request: pytest.FixtureRequest) -> tuple[Text, int]:
    text: Text = request.param
    assert text.most
    return text, text.most


@pytest.fixture(params=[*TEXTS, *CHOICES], ids=name_of)
def any_text(request: pytest.FixtureRequest) -> Text:
    return request.param


def test_longest_is_taken(api: Api, chat: Chat, limited: tuple[Text, int]) -> None:
    text, most = limited
    chat = api.chat_for(text.operation, chat)
    longest = ["a" * most, "😀" * (most // 4) if text.in_bytes else "€" * most]
    for value in longest:
        response = api.send(text.operation, body_with(text, chat, value), chat=chat)
        if text.longest is None:
            assert response.status_code == 200, response.text
        else:
            assert_refused(response, *text.longest)
            # it is refused for what it says, not for how long it says it
            assert not any(words in response.json()["Message"] for words in TOO_LONG), response.text


def test_longer_is_refused(api: Api, chat: Chat, limited: tuple[Text, int]) -> None:
    text, most = limited
    longer = ["a" * (most + 1), "a" + ("😀" * (most // 4) if text.in_bytes else "€" * most)]
    for value in longer:
        response = api.send(text.operation, body_with(text, chat, value), chat=chat)
        assert_refused(response, 400, value_error(text.operation), text.member)
        assert any(words in response.json()["Message"] for words in TOO_LONG), response.text


def test_shortest(api: Api, chat: Chat, text: Text) -> None:
    chat = api.chat_for(text.operation, chat)
    response = api.send(text.operation, body_with(text, chat, ""), chat=chat)
    if text.least:
        assert_refused(response, 400, value_error(text.operation), text.member)
    else:
        assert response.status_code == 200, response.text


@pytest.mark.parametrize("choice", CHOICES, ids=name_of)
def test_choice_that_nobody_has(api: Api, chat: Chat, choice: Text) -> None:
    for value in ("", "x", "x" * 200, "TEXT/PLAIN", "forward", EVENT + "chat.ended", "text/plain\n"):
        response = api.send(choice.operation, body_with(choice, chat, value), chat=chat)
        assert_refused(response, 400, value_error(choice.operation), choice.member)


def test_missing(api: Api, chat: Chat, any_text: Text) -> None:
    if any_text.required:
        response = api.send(any_text.operation, body_with(any_text, chat, ABSENT), chat=chat)
        assert_refused(response, 400, shape_error(any_text.operation), any_text.member)


def test_wrong_type(api: Api, chat: Chat, any_text: Text) -> None:
    for value in (1, 1.5, True, [], ["a"], {}, {"a": "b"}):
        response = api.send(any_text.operation, body_with(any_text, chat, value), chat=chat)
        error = value_error if any_text in CHOICES else shape_error
        assert_refused(response, 400, error(any_text.operation), any_text.member)


def test_null_character(api: Api, chat: Chat, any_text: Text) -> None:
    for value in ("\0", "a\0b"):
        response = api.send(any_text.operation, body_with(any_text, chat, value), chat=chat)
        assert_refused(response, 400, value_error(any_text.operation), any_text.member)


def test_half_a_surrogate_pair(api: Api, chat: Chat, any_text: Text) -> None:
    for value in SURROGATES:
        response = api.send(any_text.operation, body_with(any_text, chat, value), chat=chat)
        assert_refused(response, 400, shape_error(any_text.operation), "JSON")


def test_whole_surrogate_pair_is_a_character(api: Api, chat: Chat) -> None:
    sent = api.send("SendMessage", rb'{"ContentType": "text/plain", "Content": "\ud83d\ude00"}', chat=chat)
    assert sent.status_code == 200
