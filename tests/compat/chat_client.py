"""One chat, driven through boto3 as its backend and as one participant."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.stack import Stack


@dataclass
class ChatClient:
    """One chat, driven as its backend and as one participant."""

    stack: Stack
    response: dict[str, Any]
    """StartChatContact response, or the same members for another participant."""

    @property
    def id(self) -> str:
        return self.response["ContactId"]

    @cached_property
    def token(self) -> str:
        response = self.stack.participant().create_participant_connection(
            ParticipantToken=self.response["ParticipantToken"], Type=["CONNECTION_CREDENTIALS"]
        )
        return response["ConnectionCredentials"]["ConnectionToken"]

    def send(self, *texts: str) -> ChatClient:
        token = self.token
        for text in texts:
            self.stack.participant().send_message(ConnectionToken=token, ContentType="text/plain", Content=text)
        return self

    def assign(self, user: str) -> ChatClient:
        self.stack.connect().associate_contact_with_user(InstanceId="demo", ContactId=self.id, UserId=user)
        return self

    def transfer(self, contact_id: str, **target: str) -> str:
        response = self.stack.connect().transfer_contact(
            InstanceId="demo", ContactId=contact_id, ContactFlowId="live", **target
        )
        return response["ContactId"]

    def end(self) -> ChatClient:
        self.stack.connect().stop_contact(InstanceId="demo", ContactId=self.id)
        return self

    def pages(self, size: int = 100) -> list[list[dict[str, Any]]]:
        """Return all transcript pages, latest first; items in the order received."""
        token, pages, rest = self.token, [], {}
        while True:
            page = self.stack.participant().get_transcript(
                ConnectionToken=token, MaxResults=size, ScanDirection="BACKWARD", **rest
            )
            pages.append(page["Transcript"])
            if "NextToken" not in page:
                return pages
            rest = {"NextToken": page["NextToken"]}

    def message_texts(self, size: int = 100) -> list[str]:
        """Return the contents of all messages, latest first."""
        return [item["Content"] for page in self.pages(size) for item in page if item["Type"] == "MESSAGE"]


def start_chat(stack: Stack, source: str | None = None, kind: str = "FROM_SEGMENT", **members: Any) -> ChatClient:
    if source:
        members["PersistentChat"] = {"SourceContactId": source, "RehydrationType": kind}
    response = stack.connect().start_chat_contact(
        InstanceId="demo", ContactFlowId="live", ParticipantDetails={"DisplayName": "Ada"}, **members
    )
    return ChatClient(stack, response)


def describe(stack: Stack, contact_id: str) -> dict[str, Any]:
    return stack.connect().describe_contact(InstanceId="demo", ContactId=contact_id)["Contact"]


def expect_error(error: str, call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response_error = caught.value.response["Error"]  # pyright: ignore[reportTypedDictNotRequiredAccess]
    assert response_error["Code"] == error
    return response_error["Message"]
