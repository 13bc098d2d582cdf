"""Every string member of a request: its length, its type, and characters that cannot be stored."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.api.calls import ABSENT, Api, assert_refused, shape_error, valid_body, value_error, with_member
from tests.compat.chats import EVENT, Chat

IR, IP, V = "InvalidRequestException", "InvalidParameterException", "ValidationException"
NOT_FOUND = (404, "ResourceNotFoundException")
SURROGATES = ("\ud800", "a\udfff", "\udc00\ud800")


class StringMember(NamedTuple):
    """A string member and its limits. `longest_error` is the error for a value of maximum length; None means success."""

    operation: str
    member: str
    max_length: int | None
    longest_error: tuple[int, str] | None = None
    min_length: int = 1
    required: bool = False
    in_bytes: bool = False


TEXTS = (
    StringMember("StartChatContact", "InstanceId", 100, NOT_FOUND, required=True),
    StringMember("StartChatContact", "ContactFlowId", 500, NOT_FOUND, required=True),
    StringMember("StartChatContact", "ParticipantDetails.DisplayName", 256, required=True),
    StringMember("StartChatContact", "InitialMessage.Content", 16_384, required=True, in_bytes=True),
    StringMember("StartChatContact", "ClientToken", 500, min_length=0),
    StringMember("StartChatContact", "PersistentChat.SourceContactId", 256, (400, IR)),
    StringMember("StartChatContact", "RelatedContactId", 256, NOT_FOUND),
    StringMember("StartChatContact", "SegmentAttributes.a.ValueString", 1024, min_length=0),
    StringMember("StartChatContact", "SegmentAttributes.a.ValueArn", 1024, min_length=0),
    StringMember("StartChatContact", "SegmentAttributes.a.ValueMap.b.ValueString", 1024, min_length=0),
    StringMember("StartChatContact", "CustomerId", 128),
    StringMember("StartChatContact", "ChatStreamingConfiguration.StreamingEndpointArn", 350, NOT_FOUND, required=True),
    StringMember("StartChatContact", "Attributes.a", None, min_length=0),
    StringMember("StopContact", "InstanceId", 100, NOT_FOUND, required=True),
    StringMember("StopContact", "ContactId", 256, (410, "ContactNotFoundException"), required=True),
    StringMember("StopContact", "DisconnectReason.Code", None, min_length=0),
    StringMember("UpdateContactAttributes", "InstanceId", 100, NOT_FOUND, required=True),
    StringMember("UpdateContactAttributes", "InitialContactId", 256, NOT_FOUND, required=True),
    StringMember("UpdateContactAttributes", "Attributes.a", None, min_length=0),
    StringMember("AssociateContactWithUser", "UserId", 256, NOT_FOUND, required=True),
    StringMember("SearchContacts", "InstanceId", 100, NOT_FOUND, required=True),
    StringMember("SearchContacts", "NextToken", 100_000, (400, IP)),
    StringMember("TransferContact", "InstanceId", 100, NOT_FOUND, required=True),
    StringMember("TransferContact", "ContactId", 256, NOT_FOUND, required=True),
    StringMember("TransferContact", "ContactFlowId", 500, NOT_FOUND, required=True),
    StringMember("TransferContact", "QueueId", 256, NOT_FOUND),
    StringMember("TransferContact", "UserId", 256, (400, IR)),
    StringMember("StartContactStreaming", "InstanceId", 100, NOT_FOUND, required=True),
    StringMember("StartContactStreaming", "ContactId", 256, NOT_FOUND, required=True),
    StringMember(
        "StartContactStreaming", "ChatStreamingConfiguration.StreamingEndpointArn", 350, NOT_FOUND, required=True
    ),
    StringMember("StartContactStreaming", "ClientToken", 500, min_length=0),
    StringMember("CreateParticipant", "InstanceId", 100, NOT_FOUND, required=True),
    StringMember("CreateParticipant", "ContactId", 256, NOT_FOUND, required=True),
    StringMember("CreateParticipant", "ParticipantDetails.DisplayName", 256),
    StringMember("CreateParticipant", "ClientToken", 500, min_length=0),
    StringMember("CreatePersistentContactAssociation", "SourceContactId", 256, NOT_FOUND),
    StringMember("UpdateContact", "Name", 1024, min_length=0),
    StringMember("UpdateContact", "Description", 4096, min_length=0),
    StringMember("UpdateContact", "References.order.Value", 4096, min_length=0),
    StringMember("TagContact", "InstanceId", 100, NOT_FOUND, required=True),
    StringMember("TagContact", "ContactId", 256, NOT_FOUND, required=True),
    StringMember("TagContact", "Tags.a", 256, min_length=0),
    StringMember("DismissUserContact", "ContactId", 256, NOT_FOUND, required=True),
    StringMember("SearchUsers", "InstanceId", 100, NOT_FOUND, required=True),
    StringMember("SearchUsers", "NextToken", 2_500, (400, IP)),
    StringMember("SearchUsers", "SearchCriteria.StringCondition.Value", None, min_length=0, required=True),
    StringMember("SearchQueues", "InstanceId", 100, NOT_FOUND, required=True),
    StringMember("SearchQueues", "NextToken", 2_500, (400, IP)),
    StringMember("GetCurrentMetricData", "NextToken", 2_500, (400, IP)),
    StringMember("GetCurrentUserData", "NextToken", 2_500, (400, IP)),
    StringMember("ListRealtimeContactAnalysisSegmentsV2", "NextToken", 100_000, (400, IP)),
    StringMember("SignIn", "instance", 100, NOT_FOUND, required=True),
    StringMember("SignIn", "user", 256, NOT_FOUND, required=True),
    StringMember("Reconnect", "instance", 100, NOT_FOUND, required=True),
    StringMember("Reconnect", "workstream", 500, NOT_FOUND, required=True),
    StringMember("Reconnect", "customer_id", 128, required=True),
    StringMember("Reconnect", "reconnect_id", 1000, (400, IR)),
    StringMember("SendMessage", "Content", 16_384, required=True, in_bytes=True),
    StringMember("SendMessage", "ClientToken", 500, min_length=0),
    StringMember("SendEvent", "Content", 16_384),
    StringMember("SendEvent", "ClientToken", 500, min_length=0),
    StringMember("GetTranscript", "ContactId", 256, (400, V)),
    StringMember("GetTranscript", "NextToken", 1000, (400, V)),
    StringMember("GetTranscript", "StartPosition.Id", 256, (400, V)),
    StringMember("GetTranscript", "StartPosition.AbsoluteTime", 100, (400, V)),
    StringMember("StartAttachmentUpload", "AttachmentName", 256, (400, V), required=True),
    StringMember("StartAttachmentUpload", "ContentType", 255, (400, V), required=True),
    StringMember("StartAttachmentUpload", "ClientToken", 500, required=True),
    StringMember("CompleteAttachmentUpload", "ClientToken", 500, required=True),
    StringMember("GetAttachment", "AttachmentId", 256, (400, V), required=True),
    StringMember("DisconnectParticipant", "ClientToken", 500, min_length=0),
)
CHOICES = (
    StringMember("StartChatContact", "InitialMessage.ContentType", 100, required=True),
    StringMember("StartChatContact", "PersistentChat.RehydrationType", None),
    StringMember("StartChatContact", "ParticipantConfiguration.ResponseMode", None),
    StringMember("SearchContacts", "TimeRange.Type", None, required=True),
    StringMember("SearchContacts", "SearchCriteria.SearchableContactAttributes.MatchType", None),
    StringMember("SearchContacts", "Sort.FieldName", None, required=True),
    StringMember("SearchContacts", "Sort.Order", None, required=True),
    StringMember("SearchUsers", "SearchCriteria.StringCondition.ComparisonType", None),
    StringMember("UpdateContact", "References.order.Type", None, required=True),
    StringMember("ListRealtimeContactAnalysisSegmentsV2", "OutputType", None, required=True),
    StringMember("SendMessage", "ContentType", 100, required=True),
    StringMember("SendEvent", "ContentType", 100, required=True),
    StringMember("GetTranscript", "ScanDirection", None),
    StringMember("GetTranscript", "SortOrder", None),
    StringMember("GetAttachment", "UrlContentDisposition", None),
)
"""String members with a fixed set of allowed values."""

LIMITED = [string for string in TEXTS if string.max_length]
TOO_LONG = ("at most", "UTF-8 bytes")


def member_id(string: StringMember) -> str:
    return f"{string.operation}-{string.member}"


def body_with(string: StringMember, chat: Chat, value: object) -> dict[str, object]:
    body = valid_body(string.operation, chat)
    if string.member.startswith("InitialMessage."):
        body["InitialMessage"] = {"ContentType": "text/plain", "Content": "hello"}
    return with_member(body, string.member, value)


@pytest.fixture(params=TEXTS, ids=member_id)
def string(request: pytest.FixtureRequest) -> StringMember:
    return request.param


@pytest.fixture(params=LIMITED, ids=member_id)
def limited(request: pytest.FixtureRequest) -> tuple[StringMember, int]:
    string: StringMember = request.param
    assert string.max_length
    return string, string.max_length


@pytest.fixture(params=[*TEXTS, *CHOICES], ids=member_id)
def any_string(request: pytest.FixtureRequest) -> StringMember:
    return request.param


def test_value_of_maximum_length_is_accepted(api: Api, chat: Chat, limited: tuple[StringMember, int]) -> None:
    string, max_length = limited
    chat = api.suitable_chat(string.operation, chat)
    longest = ["a" * max_length, "😀" * (max_length // 4) if string.in_bytes else "€" * max_length]
    for value in longest:
        response = api.send(string.operation, body_with(string, chat, value), chat=chat)
        if string.longest_error is None:
            assert response.status_code == 200, response.text
        else:
            assert_refused(response, *string.longest_error)
            # the value is refused for its content, not for its length
            assert not any(words in response.json()["Message"] for words in TOO_LONG), response.text


def test_longer_value_is_refused(api: Api, chat: Chat, limited: tuple[StringMember, int]) -> None:
    string, max_length = limited
    longer = ["a" * (max_length + 1), "a" + ("😀" * (max_length // 4) if string.in_bytes else "€" * max_length)]
    for value in longer:
        response = api.send(string.operation, body_with(string, chat, value), chat=chat)
        assert_refused(response, 400, value_error(string.operation), string.member)
        assert any(words in response.json()["Message"] for words in TOO_LONG), response.text


def test_empty_value_is_refused_only_where_a_minimum_length_applies(api: Api, chat: Chat, string: StringMember) -> None:
    chat = api.suitable_chat(string.operation, chat)
    response = api.send(string.operation, body_with(string, chat, ""), chat=chat)
    if string.min_length:
        assert_refused(response, 400, value_error(string.operation), string.member)
    else:
        assert response.status_code == 200, response.text


@pytest.mark.parametrize("choice", CHOICES, ids=member_id)
def test_unknown_choice_is_refused(api: Api, chat: Chat, choice: StringMember) -> None:
    for value in ("", "x", "x" * 200, "TEXT/PLAIN", "forward", EVENT + "chat.ended", "text/plain\n"):
        response = api.send(choice.operation, body_with(choice, chat, value), chat=chat)
        assert_refused(response, 400, value_error(choice.operation), choice.member)


def test_missing_required_member_is_refused(api: Api, chat: Chat, any_string: StringMember) -> None:
    if any_string.required:
        response = api.send(any_string.operation, body_with(any_string, chat, ABSENT), chat=chat)
        assert_refused(response, 400, shape_error(any_string.operation), any_string.member)


def test_wrong_type_is_refused(api: Api, chat: Chat, any_string: StringMember) -> None:
    for value in (1, 1.5, True, [], ["a"], {}, {"a": "b"}):
        response = api.send(any_string.operation, body_with(any_string, chat, value), chat=chat)
        error = value_error if any_string in CHOICES else shape_error
        assert_refused(response, 400, error(any_string.operation), any_string.member)


def test_null_character_is_refused(api: Api, chat: Chat, any_string: StringMember) -> None:
    for value in ("\0", "a\0b"):
        response = api.send(any_string.operation, body_with(any_string, chat, value), chat=chat)
        assert_refused(response, 400, value_error(any_string.operation), any_string.member)


def test_lone_surrogate_is_refused(api: Api, chat: Chat, any_string: StringMember) -> None:
    for value in SURROGATES:
        response = api.send(any_string.operation, body_with(any_string, chat, value), chat=chat)
        assert_refused(response, 400, shape_error(any_string.operation), "JSON")


def test_surrogate_pair_is_accepted(api: Api, chat: Chat) -> None:
    sent = api.send("SendMessage", rb'{"ContentType": "text/plain", "Content": "\ud83d\ude00"}', chat=chat)
    assert sent.status_code == 200
