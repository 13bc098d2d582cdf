"""A chat as a backend and its customer have it, through boto3."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.stack import Stack


@dataclass
class Talk:
    """A chat as a backend and a customer have it."""

    stack: Stack
    started: dict[str, Any]

    @property
    def id(self) -> str:
        return self.started["ContactId"]

    @cached_property
    def token(self) -> str:
        answer = self.stack.participant().create_participant_connection(
            ParticipantToken=self.started["ParticipantToken"], Type=["CONNECTION_CREDENTIALS"]
        )
        return answer["ConnectionCredentials"]["ConnectionToken"]

    def say(self, *texts: str) -> Talk:
        token = self.token
        for text in texts:
            self.stack.participant().send_message(ConnectionToken=token, ContentType="text/plain", Content=text)
        return self

    def assign(self, user: str) -> Talk:
        self.stack.connect().associate_contact_with_user(InstanceId="demo", ContactId=self.id, UserId=user)
        return self

    def transfer(self, contact_id: str, **target: str) -> str:
        answer = self.stack.connect().transfer_contact(
            InstanceId="demo", ContactId=contact_id, ContactFlowId="live", **target
        )
        return answer["ContactId"]

    def end(self) -> Talk:
        self.stack.connect().stop_contact(InstanceId="demo", ContactId=self.id)
        return self

    def pages(self, size: int = 100) -> list[list[dict[str, Any]]]:
        """All pages, the latest first; the items of each as they come."""
        token, pages, rest = self.token, [], {}
        while True:
            page = self.stack.participant().get_transcript(
                ConnectionToken=token, MaxResults=size, ScanDirection="BACKWARD", **rest
            )
            pages.append(page["Transcript"])
            if "NextToken" not in page:
                return pages
            rest = {"NextToken": page["NextToken"]}

    def said(self, size: int = 100) -> list[str]:
        """All that was said, the latest first."""
        return [item["Content"] for page in self.pages(size) for item in page if item["Type"] == "MESSAGE"]


def start(stack: Stack, source: str | None = None, kind: str = "FROM_SEGMENT", **members: Any) -> Talk:
    if source:
        members["PersistentChat"] = {"SourceContactId": source, "RehydrationType": kind}
    started = stack.connect().start_chat_contact(
        InstanceId="demo", ContactFlowId="live", ParticipantDetails={"DisplayName": "Ada"}, **members
    )
    return Talk(stack, started)


def describe(stack: Stack, contact_id: str) -> dict[str, Any]:
    return stack.connect().describe_contact(InstanceId="demo", ContactId=contact_id)["Contact"]


def refused(error: str, call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer = caught.value.response["Error"]  # pyright: ignore[reportTypedDictNotRequiredAccess]
    assert answer["Code"] == error
    return answer["Message"]
