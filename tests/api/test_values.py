"""Every number, list, map and structure of a request, at its limits and beyond."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.calls import (
    ABSENT,
    Api,
    assert_refused,
    shape_error,
    timer,
    valid_body,
    value_error,
    with_member,
)
from tests.compat.chats import Chat

IR, IP, V = "InvalidRequestException", "InvalidParameterException", "ValidationException"
HUGE = 10**400
TEXT_PLAIN = ["text/plain"]


def nested_attribute(depth: int) -> dict[str, Any]:
    """Return a segment attribute with this many levels."""
    value: dict[str, Any] = {"ValueString": "leaf"}
    for _ in range(depth):
        value = {"ValueMap": {"b": value}}
    return value


TIMERS = "ChannelConfiguration.Chat.ParticipantTimerConfigList"
MINUTES = "ParticipantTimerDurationInMinutes"
ALL_TIMERS = [
    timer(role, kind, **{MINUTES: 2}) for role in ("CUSTOMER", "AGENT") for kind in ("IDLE", "DISCONNECT_NONCUSTOMER")
]


def idle_timer(**value: Any) -> list[Any]:
    return [timer("CUSTOMER", "IDLE", **value)]


ACCEPTED: list[tuple[str, str, Any]] = [
    *[("StartChatContact", "ChatDurationInMinutes", minutes) for minutes in (60, 10_080)],
    ("StartChatContact", "SupportedMessagingContentTypes", TEXT_PLAIN),
    ("StartChatContact", "SupportedMessagingContentTypes", [*TEXT_PLAIN, "text/markdown", "application/json"]),
    ("StartChatContact", "DisconnectOnCustomerExit", None),
    ("StartChatContact", "ConnectionTypes", ["AUTHENTICATION_SESSION"]),
    ("StartChatContact", "ParticipantConfiguration", {}),
    ("StartChatContact", "ParticipantConfiguration", {"ResponseMode": "COMPLETE"}),
    ("StartChatContact", "Attributes", {}),
    ("StartChatContact", "Attributes", {"a" * 32_767: "x"}),
    ("StartChatContact", "Attributes", {"a": "x" * 32_767}),
    ("StartChatContact", "Attributes", {"aZ09_-": "é" * 16_381}),
    ("StartChatContact", "SegmentAttributes", {}),
    ("StartChatContact", "SegmentAttributes", {"é" * 128: {"ValueString": "x"}}),
    ("StartChatContact", "SegmentAttributes", {"a": {"ValueMap": {"é" * 128: {"ValueString": "x"}}}}),
    ("StartChatContact", "SegmentAttributes", {"a": {"ValueMap": {}}, "b": {"ValueList": []}}),
    ("StartChatContact", "SegmentAttributes", {"a": {"ValueInteger": 2**31 - 1}, "b": {"ValueInteger": -(2**31)}}),
    ("StartChatContact", "SegmentAttributes", {"a": nested_attribute(49)}),
    ("UpdateContactAttributes", "Attributes", {}),
    *[
        ("MonitorContact", "AllowedMonitorCapabilities", value)
        for value in (None, [], ["BARGE"], ["SILENT_MONITOR", "BARGE"])
    ],
    ("CreateParticipantConnection", "Type", ["WEBSOCKET"] * 5),
    *[("UpdateParticipantRoleConfig", TIMERS, idle_timer(**{MINUTES: minutes})) for minutes in (2, 480)],
    ("UpdateParticipantRoleConfig", TIMERS, idle_timer(ParticipantTimerAction="Unset")),
    ("UpdateParticipantRoleConfig", TIMERS, idle_timer(ParticipantTimerAction="Unset", **{MINUTES: None})),
    ("UpdateParticipantRoleConfig", TIMERS, ALL_TIMERS),
    *[("GetTranscript", "MaxResults", count) for count in (0, 1, 100)],
    *[("GetTranscript", "StartPosition", {"MostRecent": count}) for count in (0, 1, 100)],
    *[("StartAttachmentUpload", "AttachmentSizeInBytes", size) for size in (1, 20 * 1024 * 1024)],
    *[(operation, "Unknown", {"deep": [HUGE // 10**300]}) for operation in ("StartChatContact", "SendMessage")],
]

REFUSED: list[tuple[str, str, Any, str]] = [
    *[("StartChatContact", "ChatDurationInMinutes", n, IP) for n in (59, 0, -1, 10_081, HUGE)],
    *[("StartChatContact", "ChatDurationInMinutes", n, IR) for n in ("60", 60.5, True, [60], {})],
    *[("StartChatContact", "ParticipantDetails", value, IR) for value in (ABSENT, None, "Ada", [], 1)],
    *[("StartChatContact", "InitialMessage", value, IR) for value in ("hello", ["hello"], {}, 1)],
    *[("StartChatContact", "SupportedMessagingContentTypes", value, IP) for value in ([], ["text/markdown"])],
    *[("StartChatContact", "SupportedMessagingContentTypes", value, IR) for value in ("text/plain", {}, 1)],
    ("StartChatContact", "SupportedMessagingContentTypes", [*TEXT_PLAIN, "image/png"], IP),
    ("StartChatContact", "SupportedMessagingContentTypes", [*TEXT_PLAIN, 1], IP),
    ("StartChatContact", "PersistentChat", {"SourceContactId": "c"}, IR),
    *[("StartChatContact", "PersistentChat", value, IR) for value in ("c", [], 1)],
    *[("StartChatContact", "ParticipantConfiguration", value, IR) for value in ("COMPLETE", [], 1)],
    ("StartChatContact", "ChatStreamingConfiguration", {}, IR),
    *[("StartChatContact", "DisconnectOnCustomerExit", value, IP) for value in ([], ["AGENT"] * 2, ["CUSTOMER"])],
    *[("StartChatContact", "DisconnectOnCustomerExit", value, IR) for value in ("AGENT", {}, 1)],
    # the customer cannot end a chat of this workstream
    ("StartChatContact", "DisconnectOnCustomerExit", ["AGENT"], IR),
    ("StartChatContact", "ParticipantConfiguration.ResponseMode", "INCREMENTAL", IR),
    *[("StartChatContact", "ConnectionTypes", value, IP) for value in ([], ["WEBSOCKET"] * 3, ["websocket"])],
    *[("StartChatContact", "ConnectionTypes", value, IR) for value in ("WEBSOCKET", {"WEBSOCKET": 1}, 1)],
    *[("StartChatContact", "Attributes", value, IR) for value in ("a=1", [], [["a", "1"]], {"a": 1}, {"a": None})],
    *[("StartChatContact", "Attributes", {key: "x"}, IP) for key in ("", "a b", "ä", "a.b", "a\n", "a" * 32_768)],
    ("StartChatContact", "Attributes", {"aa": "x" * 32_767}, IP),
    ("StartChatContact", "Attributes", {"a": "é" * 16_384}, IP),
    ("StartChatContact", "Attributes", {f"k{n:04}": "1234" for n in range(3_641)}, IP),
    ("StartChatContact", "SegmentAttributes", {"": {"ValueString": "x"}}, IP),
    ("StartChatContact", "SegmentAttributes", {"a": nested_attribute(50)}, IP),
    ("StartChatContact", "SegmentAttributes", {f"a{n}": {"ValueString": "x" * 1024} for n in range(32)}, IP),
    ("StartChatContact", "SegmentAttributes", {"a": {"ValueList": [nested_attribute(49)]}}, IP),
    ("StartChatContact", "SegmentAttributes", {"é" * 129: {"ValueString": "x"}}, IP),
    ("StartChatContact", "SegmentAttributes", {"a\0": {"ValueString": "x"}}, IP),
    ("StartChatContact", "SegmentAttributes", {"a": {"ValueMap": {"é" * 129: {"ValueString": "x"}}}}, IP),
    ("StartChatContact", "SegmentAttributes", {"a": {"ValueMap": {"": {"ValueString": "x"}}}}, IP),
    *[("StartChatContact", "SegmentAttributes", {"a": value}, IP) for value in ({}, {"ValueString": None}, {"X": 1})],
    ("StartChatContact", "SegmentAttributes", {"a": {"ValueString": "x", "ValueInteger": 1}}, IP),
    *[("StartChatContact", "SegmentAttributes", {"a": {"ValueInteger": n}}, IP) for n in (2**31, -(2**31) - 1, HUGE)],
    *[("StartChatContact", "SegmentAttributes", {"a": {"ValueInteger": n}}, IR) for n in ("1", 1.5, True)],
    *[("StartChatContact", "SegmentAttributes", value, IR) for value in ("a", [], {"a": "x"}, {"a": None})],
    *[("StopContact", "DisconnectReason", value, IR) for value in ("because", [], 1)],
    *[("MonitorContact", "AllowedMonitorCapabilities", value, IP) for value in (["WHISPER"], ["BARGE"] * 3, ["barge"])],
    *[("MonitorContact", "AllowedMonitorCapabilities", value, IR) for value in ("BARGE", {}, 1)],
    *[("UpdateContactRoutingData", "QueueTimeAdjustmentSeconds", n, IP) for n in (2**31, -(2**31) - 1, HUGE, 60)],
    *[("UpdateContactRoutingData", "QueueTimeAdjustmentSeconds", n, IR) for n in ("1", 1.5, True, [1], {})],
    *[("UpdateContactAttributes", "Attributes", value, IR) for value in (ABSENT, None, "a=1", [], {"a": 1})],
    *[("UpdateContactAttributes", "Attributes", {key: "x"}, IP) for key in ("", "a b", "ä", "a\n")],
    ("UpdateContactAttributes", "Attributes", {"b": "é" * 16_384}, IP),
    ("UpdateContactAttributes", "Attributes", {"b": "x" * 32_768}, IP),
    *[("UpdateParticipantRoleConfig", TIMERS, idle_timer(**{MINUTES: n}), IP) for n in (1, 0, -2, 481, HUGE)],
    *[("UpdateParticipantRoleConfig", TIMERS, idle_timer(**{MINUTES: n}), IR) for n in ("2", 2.5, True, [2], {})],
    *[
        ("UpdateParticipantRoleConfig", TIMERS, idle_timer(ParticipantTimerAction=x), IP)
        for x in ("Set", "unset", "", 1)
    ],
    *[
        ("UpdateParticipantRoleConfig", TIMERS, idle_timer(**value), IP)
        for value in ({}, {MINUTES: None}, {"Minutes": 2})
    ],
    ("UpdateParticipantRoleConfig", TIMERS, idle_timer(ParticipantTimerAction="Unset", **{MINUTES: 2}), IP),
    ("UpdateParticipantRoleConfig", TIMERS, [], IP),
    ("UpdateParticipantRoleConfig", TIMERS, [*ALL_TIMERS, *ALL_TIMERS], IP),
    *[("UpdateParticipantRoleConfig", TIMERS, [*ALL_TIMERS, *ALL_TIMERS][:n], IR) for n in (5, 6)],
    (
        "UpdateParticipantRoleConfig",
        TIMERS,
        [*idle_timer(**{MINUTES: 2}), *idle_timer(ParticipantTimerAction="Unset")],
        IR,
    ),
    *[("UpdateParticipantRoleConfig", TIMERS, [timer(x, "IDLE", **{MINUTES: 2})], IP) for x in ("SYSTEM", "agent", "")],
    *[
        ("UpdateParticipantRoleConfig", TIMERS, [timer("AGENT", x, **{MINUTES: 2})], IP)
        for x in ("DISCONNECT", "idle", "")
    ],
    *[("UpdateParticipantRoleConfig", TIMERS, value, IR) for value in (ABSENT, None, {}, "x", 1, [1], [None], [{}])],
    *[("UpdateParticipantRoleConfig", "ChannelConfiguration.Chat", value, IR) for value in (ABSENT, None, [], "x", 1)],
    ("UpdateParticipantRoleConfig", "ChannelConfiguration.Voice", {}, IR),
    *[("UpdateParticipantRoleConfig", "ChannelConfiguration", value, IR) for value in (ABSENT, None, {}, [], "x", 1)],
    *[("GetContactMetrics", "Metrics", value, IR) for value in (ABSENT, None, {}, "x", 1, [1], [None], [{}])],
    *[("GetContactMetrics", "Metrics", value, IP) for value in ([], [{"Name": "LENGTH"}], [{"Name": ""}])],
    *[("GetContactMetrics", "ContactId", value, IR) for value in (ABSENT, None, {}, 1)],
    *[("PutUserStatus", "AgentStatusId", value, IR) for value in (ABSENT, None, {}, [], 1)],
    *[("PutUserStatus", "AgentStatusId", value, IP) for value in ("", "x" * 257, "a\0")],
    *[("CreateParticipantConnection", "Type", value, V) for value in (ABSENT, None, [], ["SMOKE"], "WEBSOCKET", {}, 1)],
    *[("CreateParticipantConnection", "Type", value, V) for value in ([1], [None], ["WEBRTC_CONNECTION"])],
    *[("CreateParticipantConnection", "ConnectParticipant", value, V) for value in ("true", 1, [], {})],
    *[("GetTranscript", "MaxResults", value, V) for value in (-1, 101, HUGE, "10", 1.5, True, [])],
    *[("GetTranscript", "StartPosition", {"MostRecent": n}, V) for n in (-1, 101, HUGE, "1", 1.5, True)],
    *[("GetTranscript", "StartPosition", value, V) for value in ("x", [], 1)],
    *[("StartAttachmentUpload", "AttachmentSizeInBytes", n, V) for n in (ABSENT, None, 0, -1, HUGE, 2**25)],
    *[("StartAttachmentUpload", "AttachmentSizeInBytes", n, V) for n in ("5", 5.5, True, [5], {})],
    *[("CompleteAttachmentUpload", "AttachmentIds", ids, V) for ids in (ABSENT, None, [], "x", {}, 1)],
    *[("CompleteAttachmentUpload", "AttachmentIds", ids, V) for ids in ([1], [None], [""], ["x"], ["x", "y"], ["\0"])],
    *[("GetAttachment", "UrlExpiryInSeconds", n, V) for n in (4, 301, 0, -1, HUGE, "60", 60.5, True, [60])],
    ("GetTranscript", "StartPosition", {"Id": "x", "AbsoluteTime": "2026-01-31T00:00:00.000Z"}, V),
]


def short_id(value: Any) -> str:
    return "absent" if value is ABSENT else f"{value}"[:40]


@pytest.mark.parametrize(("operation", "member", "value"), ACCEPTED, ids=short_id)
def test_valid_value_is_accepted(api: Api, operation: str, member: str, value: Any) -> None:
    chat = api.start()
    response = api.send(operation, with_member(valid_body(operation, chat), member, value), chat=chat)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize(("operation", "member", "value", "error"), REFUSED, ids=short_id)
def test_invalid_value_is_refused(api: Api, chat: Chat, operation: str, member: str, value: Any, error: str) -> None:
    response = api.send(operation, with_member(valid_body(operation, chat), member, value), chat=chat)
    assert_refused(response, 400, error, member.rpartition(".")[2])


def test_deep_segment_attributes_are_returned_unchanged(api: Api) -> None:
    chat = api.start(SegmentAttributes={"a": nested_attribute(49)})
    contact = api.send("DescribeContact", chat=chat).json()["Contact"]
    assert contact["SegmentAttributes"] == {"a": nested_attribute(49)}


def test_persistent_chat_and_related_contact_are_mutually_exclusive(api: Api, chat: Chat) -> None:
    both = {
        "RelatedContactId": chat.contact_id,
        "PersistentChat": {"RehydrationType": "FROM_SEGMENT", "SourceContactId": chat.contact_id},
    }
    body = valid_body("StartChatContact", chat) | both
    assert_refused(api.send("StartChatContact", body), 400, IR, "PersistentChat and RelatedContactId")


@pytest.mark.parametrize("operation", ["SendMessage", "SendEvent"])
def test_body_of_the_other_send_operation_is_refused(api: Api, chat: Chat, operation: str) -> None:
    other = "SendEvent" if operation == "SendMessage" else "SendMessage"
    response = api.send(operation, valid_body(other, chat), chat=chat)
    error = {"SendMessage": shape_error, "SendEvent": value_error}[operation](operation)
    assert_refused(response, 400, error, "Content")
