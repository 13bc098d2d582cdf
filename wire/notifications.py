"""Notifications of streamed chats, in the shape in which Amazon SNS posts those of Amazon Connect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from wire.frames import ATTACHMENT
from wire.models import AWS_ACCOUNT

CONTENT_TYPE = "text/plain; charset=UTF-8"
"""The content type with which SNS sends its JSON."""

_OF_ITEM = ("InitialContactId", "ContactId", "ParticipantRole", "Type")


class Visibility(StrEnum):
    """For whom an item is (`MessageVisibility`)."""

    AGENT = "AGENT"
    CUSTOMER = "CUSTOMER"
    ALL = "ALL"


class Notification(NamedTuple):
    """An item of a stream.

    Attributes:
        id: the same for each attempt to deliver it.
        item: the item as sockets get it.
    """

    id: str
    stream_id: str
    instance: str
    topic: str
    item: Mapping[str, Any]
    visibility: Visibility = Visibility.ALL

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the request."""
        return {
            "content-type": CONTENT_TYPE,
            "x-amz-sns-message-type": "Notification",
            "x-amz-sns-message-id": self.id,
            "x-amz-sns-topic-arn": self.topic,
            "x-amz-sns-subscription-arn": f"{self.topic}:{self.stream_id}",
        }

    @property
    def body(self) -> bytes:
        """The body of the request. It has no `Signature` of AWS."""
        shape = {
            "Type": "Notification",
            "MessageId": self.id,
            "TopicArn": self.topic,
            "Message": json.dumps(self.item, ensure_ascii=False),
            "Timestamp": self.item["AbsoluteTime"],
            "MessageAttributes": {name: {"Type": "String", "Value": value} for name, value in self._attributes.items()},
        }
        return json.dumps(shape, ensure_ascii=False).encode("utf-8", "replace")

    @property
    def _attributes(self) -> dict[str, str]:
        content_type = ATTACHMENT if "Attachments" in self.item else self.item["ContentType"]
        return {
            **{name: self.item[name] for name in _OF_ITEM if name in self.item},
            "InstanceId": self.instance,
            "AccountId": AWS_ACCOUNT,
            "ContentType": content_type,
            "MessageVisibility": self.visibility,
        }
