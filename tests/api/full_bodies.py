"""Bodies of the operations of Amazon Connect that together have each member that is served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.api.calls import timer

_CHAT = {"InstanceId": "i", "ContactId": "c"}
_MEMBER = {"FieldName": "Username", "Value": "a", "ComparisonType": "EXACT"}

BODIES: Mapping[str, list[dict[str, Any]]] = {
    "StartChatContact": [
        {
            "InstanceId": "i",
            "ContactFlowId": "f",
            "Attributes": {"a": "1"},
            "ParticipantDetails": {"DisplayName": "Ada"},
            "ParticipantConfiguration": {"ResponseMode": "COMPLETE"},
            "InitialMessage": {"ContentType": "text/plain", "Content": "hello"},
            "ClientToken": "t",
            "ChatDurationInMinutes": 60,
            "SupportedMessagingContentTypes": ["text/plain"],
            "PersistentChat": {"RehydrationType": "FROM_SEGMENT", "SourceContactId": "c"},
            "RelatedContactId": "c",
            "SegmentAttributes": {"a": {"ValueString": "x"}},
            "CustomerId": "x",
            "DisconnectOnCustomerExit": ["AGENT"],
            "ConnectionTypes": ["WEBSOCKET"],
            "ChatStreamingConfiguration": {"StreamingEndpointArn": "arn"},
        },
        *(
            {
                "InstanceId": "i",
                "ContactFlowId": "f",
                "ParticipantDetails": {"DisplayName": "Ada"},
                "SegmentAttributes": {"a": value},
            }
            for value in (
                {"ValueMap": {"b": {"ValueString": "x"}}},
                {"ValueInteger": 1},
                {"ValueList": [{"ValueString": "x"}]},
                {"ValueArn": "x"},
            )
        ),
    ],
    "StopContact": [_CHAT],
    "TransferContact": [{**_CHAT, "ContactFlowId": "f", "QueueId": "q", "UserId": "u", "ClientToken": "t"}],
    "CreateParticipant": [
        {
            **_CHAT,
            "ClientToken": "t",
            "ParticipantDetails": {"ParticipantRole": "CUSTOM_BOT", "DisplayName": "Bot"},
        }
    ],
    "CreatePersistentContactAssociation": [
        {"RehydrationType": "FROM_SEGMENT", "SourceContactId": "c", "ClientToken": "t"}
    ],
    "UpdateParticipantRoleConfig": [
        {"ChannelConfiguration": {"Chat": {"ParticipantTimerConfigList": [timer("CUSTOMER", "IDLE", **value)]}}}
        for value in ({"ParticipantTimerDurationInMinutes": 2}, {"ParticipantTimerAction": "Unset"})
    ],
    "SearchContacts": [
        {
            "InstanceId": "i",
            "TimeRange": {"Type": "INITIATION_TIMESTAMP", "StartTime": 0, "EndTime": 1},
            "SearchCriteria": {
                "AgentIds": ["a"],
                "Channels": ["CHAT"],
                "InitiationMethods": ["API"],
                "QueueIds": ["q"],
                "SearchableContactAttributes": {
                    "Criteria": [{"Key": "a", "Values": ["1"]}],
                    "MatchType": "MATCH_ALL",
                },
            },
            "MaxResults": 1,
            "NextToken": "t",
            "Sort": {"FieldName": "INITIATION_TIMESTAMP", "Order": "ASCENDING"},
        }
    ],
    "UpdateContact": [
        {"Name": "n", "Description": "d", "References": {"a": {"Type": "URL", "Value": "v"}}},
    ],
    "TagContact": [{**_CHAT, "Tags": {"a": "1"}}],
    "UpdateContactAttributes": [{"InstanceId": "i", "InitialContactId": "c", "Attributes": {"a": "1"}}],
    "AssociateContactWithUser": [{"UserId": "u"}],
    "UpdateContactRoutingData": [{"QueuePriority": 1}, {"QueueTimeAdjustmentSeconds": 60}],
    "ListRealtimeContactAnalysisSegmentsV2": [
        {"MaxResults": 1, "NextToken": "t", "OutputType": "Raw", "SegmentTypes": ["Event"]}
    ],
    "GetContactMetrics": [{**_CHAT, "Metrics": [{"Name": "POSITION_IN_QUEUE"}]}],
    "GetCurrentMetricData": [
        {
            "Filters": {"Queues": ["q"], "Channels": ["CHAT"]},
            "Groupings": ["QUEUE"],
            "CurrentMetrics": [{"Name": "AGENTS_ONLINE", "Unit": "COUNT"}],
            "NextToken": "t",
            "MaxResults": 1,
            "SortCriteria": [{"SortByMetric": "AGENTS_ONLINE", "SortOrder": "ASCENDING"}],
        }
    ],
    "GetCurrentUserData": [
        {
            "Filters": {**users, "ContactFilter": {"ContactStates": ["CONNECTED"]}},
            "NextToken": "t",
            "MaxResults": 1,
        }
        for users in ({"Queues": ["q"]}, {"Agents": ["a"]})
    ],
    "MonitorContact": [
        {**_CHAT, "UserId": "u", "AllowedMonitorCapabilities": ["SILENT_MONITOR", "BARGE"], "ClientToken": "t"}
    ],
    "StartContactStreaming": [
        {**_CHAT, "ChatStreamingConfiguration": {"StreamingEndpointArn": "arn"}, "ClientToken": "t"}
    ],
    "StopContactStreaming": [{**_CHAT, "StreamingId": "s"}],
    "PutUserStatus": [{"AgentStatusId": "offline"}],
    "SearchUsers": [
        {
            "InstanceId": "i",
            "NextToken": "t",
            "MaxResults": 1,
            "SearchFilter": {},
            "SearchCriteria": {
                "OrConditions": [{"StringCondition": _MEMBER}],
                "AndConditions": [{"StringCondition": _MEMBER}],
                "StringCondition": _MEMBER,
            },
        }
    ],
    "SearchQueues": [
        {
            "InstanceId": "i",
            "NextToken": "t",
            "MaxResults": 1,
            "SearchFilter": {},
            "SearchCriteria": {
                "OrConditions": [{"StringCondition": _MEMBER}],
                "AndConditions": [{"StringCondition": _MEMBER}],
                "StringCondition": _MEMBER,
                "QueueTypeCondition": "STANDARD",
            },
        }
    ],
    "DismissUserContact": [{"ContactId": "c"}],
    "CreateParticipantConnection": [{"Type": ["WEBSOCKET"], "ConnectParticipant": True}],
    "DisconnectParticipant": [{"ClientToken": "t"}],
    "SendMessage": [{"ContentType": "text/plain", "Content": "hello", "ClientToken": "t"}],
    "SendEvent": [
        {
            "ContentType": "application/vnd.amazonaws.connect.event.typing",
            "Content": "{}",
            "ClientToken": "t",
        }
    ],
    "StartAttachmentUpload": [
        {"AttachmentName": "a.txt", "AttachmentSizeInBytes": 5, "ContentType": "text/plain", "ClientToken": "t"}
    ],
    "CompleteAttachmentUpload": [{"AttachmentIds": ["a"], "ClientToken": "t"}],
    "GetAttachment": [{"AttachmentId": "a", "UrlExpiryInSeconds": 60, "UrlContentDisposition": "INLINE"}],
    "GetTranscript": [
        {
            "ContactId": "c",
            "MaxResults": 1,
            "NextToken": "t",
            "ScanDirection": "FORWARD",
            "SortOrder": "ASCENDING",
            "StartPosition": start,
        }
        for start in ({"Id": "i"}, {"AbsoluteTime": "2026-01-31T00:00:00.000Z"}, {"MostRecent": 1})
    ],
}
"""Bodies that together have each member that is served."""
