"""Valid bodies of the operations about users, queues, metrics and the details of contacts."""

from __future__ import annotations

from typing import Any

from tests.compat.chats import Chat


def resource_bodies(chat: Chat) -> dict[str, dict[str, Any]]:
    """Return the bodies by operation."""
    return {
        "SearchUsers": {
            "InstanceId": "demo",
            "SearchCriteria": {"StringCondition": {"FieldName": "Username", "Value": "a1"}},
        },
        "SearchQueues": {
            "InstanceId": "demo",
            "SearchCriteria": {"StringCondition": {"FieldName": "Name", "Value": "live"}},
        },
        "GetCurrentMetricData": {
            "Filters": {"Queues": ["persistent"], "Channels": ["CHAT"]},
            "Groupings": ["QUEUE"],
            "CurrentMetrics": [{"Name": "CONTACTS_IN_QUEUE", "Unit": "COUNT"}],
            "SortCriteria": [{"SortByMetric": "CONTACTS_IN_QUEUE", "SortOrder": "ASCENDING"}],
        },
        "GetCurrentUserData": {"Filters": {"Agents": ["a1"], "ContactFilter": {"ContactStates": ["CONNECTED"]}}},
        "UpdateContact": {
            "Name": "An order",
            "Description": "It is late.",
            "References": {"order": {"Type": "URL", "Value": "https://shop.example/7"}},
        },
        "TagContact": {"InstanceId": "demo", "ContactId": chat.contact_id, "Tags": {"a": "1"}},
        "UntagContact": {},
        "UpdateContactRoutingData": {"RoutingCriteria": None, "QueuePriority": 5},
        "MonitorContact": {"InstanceId": "demo", "ContactId": chat.contact_id, "UserId": "s1"},
        "DismissUserContact": {"ContactId": chat.contact_id},
        "ListRealtimeContactAnalysisSegmentsV2": {
            "NextToken": None,
            "OutputType": "Raw",
            "SegmentTypes": ["Transcript", "Event"],
        },
    }
