"""Every served operation as a raw HTTP request, and what a refusal looks like."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx

from api.tokens import Tokens, token_keys
from tests.compat.chats import EVENT, Chat
from tests.stack import SECRET, Stack

Json = Any
ABSENT = object()
"""Stands for a member that is left out."""

ROUTES = {
    "StartChatContact": ("PUT", "/contact/chat"),
    "StopContact": ("POST", "/contact/stop"),
    "DescribeContact": ("GET", "/contacts/{InstanceId}/{ContactId}"),
    "GetContactAttributes": ("GET", "/contact/attributes/{InstanceId}/{InitialContactId}"),
    "UpdateContactAttributes": ("POST", "/contact/attributes"),
    "AssociateContactWithUser": ("POST", "/contacts/{InstanceId}/{ContactId}/associate-user"),
    "SearchContacts": ("POST", "/search-contacts"),
    "TransferContact": ("POST", "/contact/transfer"),
    "CreateParticipant": ("POST", "/contact/create-participant"),
    "CreatePersistentContactAssociation": (
        "POST",
        "/contact/persistent-contact-association/{InstanceId}/{InitialContactId}",
    ),
    "UpdateParticipantRoleConfig": ("PUT", "/contact/participant-role-config/{InstanceId}/{ContactId}"),
    "GetContactMetrics": ("POST", "/metrics/contact"),
    "PutUserStatus": ("PUT", "/users/{InstanceId}/{UserId}/status"),
    "SignIn": ("POST", "/v1/agents/sign-in"),
    "Reconnect": ("POST", "/v1/reconnections"),
    "CreateParticipantConnection": ("POST", "/participant/connection"),
    "SendMessage": ("POST", "/participant/message"),
    "SendEvent": ("POST", "/participant/event"),
    "GetTranscript": ("POST", "/participant/transcript"),
    "DisconnectParticipant": ("POST", "/participant/disconnect"),
}
OWN = ("SignIn", "Reconnect")
"""Those that Amazon Connect does not have."""
NEEDS_A_PAST = "CreatePersistentContactAssociation"
"""No body is valid for it by itself; tests/compat/test_rehydration.py has the rest."""
WITH_BODY = [name for name, (method, _) in ROUTES.items() if method != "GET" and name != NEEDS_A_PAST]
PARTICIPANT = [name for name, (_, path) in ROUTES.items() if path.startswith("/participant/")]
CONTROL = [name for name in ROUTES if name not in PARTICIPANT]


@dataclass(frozen=True)
class Api:
    """The HTTP interface of a running Perennial."""

    stack: Stack
    http: httpx.Client

    def send(
        self,
        operation: str,
        body: Json | bytes = None,
        *,
        chat: Chat | None = None,
        token: str | None = None,
        path: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Calls an operation with the credentials it needs; `token` replaces them."""
        method, template = ROUTES[operation]
        ids = {"InstanceId": "demo", "ContactId": "-", "InitialContactId": "-", "UserId": "a1"}
        if chat:
            ids |= {"ContactId": chat.contact_id, "InitialContactId": chat.contact_id}
        return self.http.request(
            method,
            template.format_map(ids | dict(path or {})),
            content=body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode(),
            headers={
                "content-type": "application/json",
                **credentials(operation, token or own_token(operation, chat)),
                **(headers or {}),
            },
        )

    def start(self, workstream: str = "persistent", **members: Json) -> Chat:
        """A new chat."""
        started = self.send(
            "StartChatContact",
            {
                "InstanceId": "demo",
                "ContactFlowId": workstream,
                "ParticipantDetails": {"DisplayName": "Ada"},
                "ConnectionTypes": ["CONNECTION_CREDENTIALS"],
                **members,
            },
        ).raise_for_status()
        chat = started.json()
        token = chat["ConnectionCredentials"]["ConnectionToken"]
        return Chat(chat["ContactId"], chat["ParticipantId"], chat["ParticipantToken"], token)

    def chat_for(self, operation: str, chat: Chat) -> Chat:
        """The chat, or another for an operation that would end or change it."""
        if operation == "TransferContact":
            fresh = self.start()
            self.send("AssociateContactWithUser", {"UserId": "a1"}, chat=fresh).raise_for_status()
            return fresh
        fresh_for = ("StopContact", "DisconnectParticipant", "CreateParticipant", "GetContactMetrics")
        return self.start() if operation in fresh_for else chat

    def end(self, chat: Chat) -> None:
        """Stops a chat."""
        self.send("StopContact", {"InstanceId": "demo", "ContactId": chat.contact_id}).raise_for_status()

    def tokens(self) -> Tokens:
        """The product's own maker of tokens, with this Perennial's key."""
        return Tokens(token_keys((), Path(self.stack.folder)))


def credentials(operation: str, token: str | None) -> dict[str, str]:
    """The header that proves who calls."""
    if operation in PARTICIPANT:
        return {"x-amz-bearer": token} if token else {}
    return {"authorization": f"Bearer {token or SECRET}"}


def own_token(operation: str, chat: Chat | None) -> str | None:
    """The participant's token for an operation."""
    if chat is None or operation not in PARTICIPANT:
        return None
    return chat.participant_token if operation == "CreateParticipantConnection" else chat.token


def valid(operation: str, chat: Chat) -> dict[str, Json]:
    """A body that an operation takes."""
    return {
        "StartChatContact": {
            "InstanceId": "demo",
            "ContactFlowId": "persistent",
            "ParticipantDetails": {"DisplayName": "Ada"},
            "ClientToken": f"{uuid4()}",
        },
        "StopContact": {"InstanceId": "demo", "ContactId": chat.contact_id},
        "UpdateContactAttributes": {
            "InstanceId": "demo",
            "InitialContactId": chat.contact_id,
            "Attributes": {"a": "1"},
        },
        "AssociateContactWithUser": {"UserId": "a1"},
        "SearchContacts": {
            "InstanceId": "demo",
            "TimeRange": {"Type": "INITIATION_TIMESTAMP", "StartTime": 0, "EndTime": 4_000_000_000},
            "SearchCriteria": {
                "SearchableContactAttributes": {"Criteria": [{"Key": "a", "Values": ["1"]}], "MatchType": "MATCH_ALL"}
            },
            "Sort": {"FieldName": "INITIATION_TIMESTAMP", "Order": "ASCENDING"},
        },
        "TransferContact": {
            "InstanceId": "demo",
            "ContactId": chat.contact_id,
            "ContactFlowId": "persistent",
            "QueueId": "persistent",
            "ClientToken": f"to-{chat.contact_id}",
        },
        "CreateParticipant": {
            "InstanceId": "demo",
            "ContactId": chat.contact_id,
            "ParticipantDetails": {"ParticipantRole": "CUSTOM_BOT", "DisplayName": "Bot"},
            "ClientToken": f"bot-{chat.contact_id}",
        },
        "CreatePersistentContactAssociation": {"RehydrationType": "FROM_SEGMENT", "SourceContactId": "unknown"},
        "UpdateParticipantRoleConfig": {
            "ChannelConfiguration": {
                "Chat": {
                    "ParticipantTimerConfigList": [
                        timer("CUSTOMER", "IDLE", ParticipantTimerDurationInMinutes=480),
                        timer("AGENT", "DISCONNECT_NONCUSTOMER", ParticipantTimerAction="Unset"),
                    ]
                }
            }
        },
        "GetContactMetrics": {
            "InstanceId": "demo",
            "ContactId": chat.contact_id,
            "Metrics": [{"Name": "POSITION_IN_QUEUE"}, {"Name": "ESTIMATED_WAIT_TIME"}],
        },
        # what they are anyway: whoever becomes available is offered other tests' chats
        "PutUserStatus": {"AgentStatusId": "offline"},
        "SignIn": {"instance": "demo", "user": "a1"},
        "Reconnect": {"instance": "demo", "workstream": "persistent", "customer_id": f"crm-{chat.contact_id}"},
        "CreateParticipantConnection": {"Type": ["WEBSOCKET", "CONNECTION_CREDENTIALS"]},
        "SendMessage": {"ContentType": "text/plain", "Content": "hello"},
        "SendEvent": {"ContentType": EVENT + "typing"},
        "GetTranscript": {"StartPosition": {}},
        "DisconnectParticipant": {},
    }[operation]


def timer(role: str, kind: str, **value: Json) -> Json:
    """A participant timer as UpdateParticipantRoleConfig takes it."""
    return {"ParticipantRole": role, "TimerType": kind, "TimerValue": value}


def changed(body: dict[str, Json], member: str, value: Json) -> dict[str, Json]:
    """The body with one member, named by its path, set or left out."""
    name, _, rest = member.partition(".")
    if rest:
        return {**body, name: changed(body.get(name, {}), rest, value)}
    return {key: old for key, old in body.items() if key != name} | ({} if value is ABSENT else {name: value})


def assert_refused(response: httpx.Response, status: int, name: str, mention: str = "") -> None:
    """Fails unless this is the refusal that clients of Amazon Connect understand, and says what is wrong."""
    assert (response.status_code, response.headers.get("x-amzn-errortype")) == (status, name), response.text
    body = response.json()
    assert body == {"__type": name, "Message": body["Message"]}
    assert mention in body["Message"]
    assert body["Message"].strip()
    UUID(response.headers["x-amzn-requestid"])


def shape_error(operation: str) -> str:
    """What a body of the wrong shape is called."""
    return "ValidationException" if operation in PARTICIPANT else "InvalidRequestException"


def value_error(operation: str) -> str:
    """What a value that is not allowed is called."""
    return "ValidationException" if operation in PARTICIPANT else "InvalidParameterException"
