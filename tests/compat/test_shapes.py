"""The validation against botocore's model detects errors. All tests in this folder rely on it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compat.shapes import check_shape

ITEM = {
    "AbsoluteTime": "2026-01-31T23:59:59.000Z",
    "Id": "i",
    "Type": "MESSAGE",
    "InitialContactId": "c",
    "ContactId": "c",
}


def output_shape(client: Any, operation: str) -> Any:
    return client.meta.service_model.operation_model(operation).output_shape


def transcript_with(**members: object) -> dict[str, object]:
    return {"InitialContactId": "c", "Transcript": [{**ITEM, **members}]}


def test_valid_responses_pass(connect: Any, participant: Any) -> None:
    check_shape(output_shape(participant, "GetTranscript"), transcript_with())
    check_shape(
        output_shape(connect, "DescribeContact"), {"Contact": {"Id": "c", "InitiationTimestamp": 1_790_000_000.123}}
    )


@pytest.mark.parametrize(
    "members",
    [
        {"Unknown": "x"},
        {"Id": 1},
        {"Id": None},
        {"Id": ""},
        {"Id": "i" * 257},
        {"Type": "GOSSIP"},
        {"AbsoluteTime": "2026-01-31T23:59:59Z"},
        {"AbsoluteTime": "2026-01-31T23:59:59.000+00:00"},
        {"InitialContactId": 1},
        {"Attachments": {}},
        {"MessageMetadata": {"Receipts": [{"ReadTimestamp": 1}]}},
        {"MessageMetadata": {"Receipts": [{"Reader": "x"}]}},
    ],
)
def test_invalid_item_is_detected(participant: Any, members: dict[str, object]) -> None:
    with pytest.raises(AssertionError):
        check_shape(output_shape(participant, "GetTranscript"), transcript_with(**members))


@pytest.mark.parametrize(
    "contact",
    [
        {"InitiationTimestamp": "2026-01-31T23:59:59.000Z"},
        {"InitiationTimestamp": 1_790_000_000_123},
        {"InitiationTimestamp": True},
        {"QueuePriority": "5"},
        {"Channel": "SMOKE"},
        {"Attributes": []},
        {"Attributes": {"k": 1}},
        {"PersistentChat": {}},
    ],
)
def test_invalid_contact_is_detected(connect: Any, contact: dict[str, object]) -> None:
    with pytest.raises(AssertionError):
        check_shape(output_shape(connect, "DescribeContact"), {"Contact": contact})
