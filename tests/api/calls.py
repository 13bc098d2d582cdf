"""Raw HTTP requests for every supported operation, and assertions about refusals."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import httpx

from api.participant.attachments import NAMESPACE
from api.tokens import Tokens, token_keys
from tests.api.resource_bodies import resource_bodies
from tests.compat.chats import EVENT, Chat
from tests.stack import SECRET, TOPIC, Stack

Json = Any
ABSENT = object()
"""Marks a member to leave out."""

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
    "StartContactStreaming": ("POST", "/contact/start-streaming"),
    "StopContactStreaming": ("POST", "/contact/stop-streaming"),
    "UpdateParticipantRoleConfig": ("PUT", "/contact/participant-role-config/{InstanceId}/{ContactId}"),
    "GetContactMetrics": ("POST", "/metrics/contact"),
    "MonitorContact": ("POST", "/contact/monitor"),
    "PutUserStatus": ("PUT", "/users/{InstanceId}/{UserId}/status"),
    "ListAgentStatuses": ("GET", "/agent-status/{InstanceId}"),
    "DescribeUser": ("GET", "/users/{InstanceId}/{UserId}"),
    "ListUsers": ("GET", "/users-summary/{InstanceId}"),
    "SearchUsers": ("POST", "/search-users"),
    "ListQueues": ("GET", "/queues-summary/{InstanceId}"),
    "DescribeQueue": ("GET", "/queues/{InstanceId}/{QueueId}"),
    "SearchQueues": ("POST", "/search-queues"),
    "GetCurrentMetricData": ("POST", "/metrics/current/{InstanceId}"),
    "GetCurrentUserData": ("POST", "/metrics/userdata/{InstanceId}"),
    "ListContactFlows": ("GET", "/contact-flows-summary/{InstanceId}"),
    "DescribeContactFlow": ("GET", "/contact-flows/{InstanceId}/{ContactFlowId}"),
    "ListInstances": ("GET", "/instance"),
    "DescribeInstance": ("GET", "/instance/{InstanceId}"),
    "UpdateContact": ("POST", "/contacts/{InstanceId}/{ContactId}"),
    "TagContact": ("POST", "/contact/tags"),
    "UntagContact": ("DELETE", "/contact/tags/{InstanceId}/{ContactId}"),
    "ListContactReferences": ("GET", "/contact/references/{InstanceId}/{ContactId}"),
    "ListAssociatedContacts": ("GET", "/contact/associated/{InstanceId}"),
    "UpdateContactRoutingData": ("POST", "/contacts/{InstanceId}/{ContactId}/routing-data"),
    "DismissUserContact": ("POST", "/users/{InstanceId}/{UserId}/contact"),
    "ListRealtimeContactAnalysisSegmentsV2": (
        "POST",
        "/contact/list-real-time-analysis-segments-v2/{InstanceId}/{ContactId}",
    ),
    "SignIn": ("POST", "/v1/agents/sign-in"),
    "Reconnect": ("POST", "/v1/reconnections"),
    "CreateParticipantConnection": ("POST", "/participant/connection"),
    "SendMessage": ("POST", "/participant/message"),
    "SendEvent": ("POST", "/participant/event"),
    "GetTranscript": ("POST", "/participant/transcript"),
    "StartAttachmentUpload": ("POST", "/participant/start-attachment-upload"),
    "CompleteAttachmentUpload": ("POST", "/participant/complete-attachment-upload"),
    "GetAttachment": ("POST", "/participant/attachment"),
    "DisconnectParticipant": ("POST", "/participant/disconnect"),
}
OWN_OPERATIONS = ("SignIn", "Reconnect")
"""Operations of Perennial that Amazon Connect does not have."""
NEEDS_ENDED_CHAT = "CreatePersistentContactAssociation"
"""It needs an ended chat as source, so it has no generally valid body. See tests/compat/test_rehydration.py."""
NEEDS_STREAM = "StopContactStreaming"
"""It needs the id of a stream. See tests/streaming/test_operations.py."""
WITH_BODY = [
    name
    for name, (method, _) in ROUTES.items()
    if method in ("POST", "PUT") and name not in (NEEDS_ENDED_CHAT, NEEDS_STREAM)
]
PARTICIPANT_OPERATIONS = [name for name, (_, path) in ROUTES.items() if path.startswith("/participant/")]
CONTROL_OPERATIONS = [name for name in ROUTES if name not in PARTICIPANT_OPERATIONS]


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
        """Call an operation with its normal credentials, or with `token` instead."""
        method, template = ROUTES[operation]
        ids = path_ids(chat)
        return self.http.request(
            method,
            template.format_map(ids | dict(path or {})),
            params=query_of(operation, ids),
            content=body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode(),
            headers={
                "content-type": "application/json",
                **credentials(operation, token or token_for(operation, chat)),
                **(headers or {}),
            },
        )

    def start(self, workstream: str = "persistent", **members: Json) -> Chat:
        """Start a chat."""
        response = self.send(
            "StartChatContact",
            {
                "InstanceId": "demo",
                "ContactFlowId": workstream,
                "ParticipantDetails": {"DisplayName": "Ada"},
                "ConnectionTypes": ["CONNECTION_CREDENTIALS"],
                **members,
            },
        ).raise_for_status()
        chat = response.json()
        token = chat["ConnectionCredentials"]["ConnectionToken"]
        return Chat(chat["ContactId"], chat["ParticipantId"], chat["ParticipantToken"], token)

    def suitable_chat(self, operation: str, chat: Chat) -> Chat:
        """Return the chat, or a new one when the operation would end or change it."""
        if operation == "TransferContact":
            fresh = self.start()
            self.send("AssociateContactWithUser", {"UserId": "a1"}, chat=fresh).raise_for_status()
            return fresh
        if operation in ("CompleteAttachmentUpload", "GetAttachment"):
            fresh = self.start()
            self.upload(fresh, is_completed=operation == "GetAttachment")
            return fresh
        changing = (
            *("StopContact", "DisconnectParticipant", "CreateParticipant", "GetContactMetrics"),
            *("DismissUserContact", "StartAttachmentUpload", "MonitorContact"),
        )
        return self.start() if operation in changing else chat

    def upload(self, chat: Chat, *, is_completed: bool) -> None:
        """Upload the attachment of `valid_body`."""
        started = self.send("StartAttachmentUpload", valid_body("StartAttachmentUpload", chat), chat=chat)
        url = started.raise_for_status().json()["UploadMetadata"]["Url"]
        self.http.put(url, content=b"hello").raise_for_status()
        if is_completed:
            body = valid_body("CompleteAttachmentUpload", chat)
            self.send("CompleteAttachmentUpload", body, chat=chat).raise_for_status()

    def end(self, chat: Chat) -> None:
        """Stop a chat."""
        self.send("StopContact", {"InstanceId": "demo", "ContactId": chat.contact_id}).raise_for_status()

    def tokens(self) -> Tokens:
        """Return the token issuer of the product, with the key of this Perennial."""
        return Tokens(token_keys((), Path(self.stack.folder)))


@contextmanager
def served(folder: Path, configuration: str, **settings: str) -> Generator[Api]:
    """Run a Perennial with a configuration and settings of its own. It must end cleanly, with no traceback in its log."""
    with served_whatever_it_logs(folder, configuration, **settings) as api:
        yield api
    assert "Traceback" not in api.stack.log()


@contextmanager
def served_whatever_it_logs(folder: Path, configuration: str, **settings: str) -> Generator[Api]:
    """The same for tests that make it fail: the log may have a traceback."""
    path = folder / "perennial.toml"
    path.write_text(configuration)
    running = Stack(folder / "data", {"PERENNIAL_CONFIG": str(path), **settings})
    running.start()
    with httpx.Client(base_url=running.url, timeout=30) as http:
        yield Api(running, http)
    assert running.stop() == 0, running.log()


def path_ids(chat: Chat | None) -> dict[str, str]:
    """Return what stands in paths: a chat, and an agent, a queue and a workstream of the demo."""
    contact = chat.contact_id if chat else "-"
    demo = {"InstanceId": "demo", "UserId": "a1", "QueueId": "persistent", "ContactFlowId": "persistent"}
    return {**demo, "ContactId": contact, "InitialContactId": contact}


def query_of(operation: str, ids: Mapping[str, str]) -> dict[str, str]:
    """Return the query that an operation needs."""
    return {
        "UntagContact": {"TagKeys": "a"},
        "ListContactReferences": {"referenceTypes": "URL"},
        "ListAssociatedContacts": {"contactId": ids["ContactId"]},
    }.get(operation, {})


def credentials(operation: str, token: str | None) -> dict[str, str]:
    """Return the header that authenticates the caller."""
    if operation in PARTICIPANT_OPERATIONS:
        return {"x-amz-bearer": token} if token else {}
    return {"authorization": f"Bearer {token or SECRET}"}


def token_for(operation: str, chat: Chat | None) -> str | None:
    """Return the token of the participant for an operation; None for operations of the control plane."""
    if chat is None or operation not in PARTICIPANT_OPERATIONS:
        return None
    return chat.participant_token if operation == "CreateParticipantConnection" else chat.token


def valid_body(operation: str, chat: Chat) -> dict[str, Json]:
    """Return a valid body of an operation."""
    return {
        **resource_bodies(chat),
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
            "ClientToken": f"{uuid4()}",
        },
        "StartContactStreaming": {
            "InstanceId": "demo",
            "ContactId": chat.contact_id,
            "ChatStreamingConfiguration": {"StreamingEndpointArn": TOPIC},
            "ClientToken": f"{uuid4()}",
        },
        "StopContactStreaming": {"InstanceId": "demo", "ContactId": chat.contact_id, "StreamingId": "unknown"},
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
        # the present status; an available agent would receive offers of other tests' chats
        "PutUserStatus": {"AgentStatusId": "offline"},
        "SignIn": {"instance": "demo", "user": "a1"},
        "Reconnect": {"instance": "demo", "workstream": "persistent", "customer_id": f"crm-{chat.contact_id}"},
        "CreateParticipantConnection": {"Type": ["WEBSOCKET", "CONNECTION_CREDENTIALS"]},
        "SendMessage": {"ContentType": "text/plain", "Content": "hello"},
        "SendEvent": {"ContentType": EVENT + "typing"},
        "GetTranscript": {"StartPosition": {}},
        "StartAttachmentUpload": {
            "AttachmentName": "hello.txt",
            "AttachmentSizeInBytes": 5,
            "ContentType": "text/plain",
            "ClientToken": "attachment",
        },
        "CompleteAttachmentUpload": {"AttachmentIds": [attachment_id(chat)], "ClientToken": "complete"},
        "GetAttachment": {"AttachmentId": attachment_id(chat)},
        "DisconnectParticipant": {},
    }[operation]


def attachment_id(chat: Chat) -> str:
    """Return the id of the attachment of `valid_body`, which derives from participant and ClientToken."""
    return str(uuid5(NAMESPACE, f"{chat.participant_id}/attachment"))


def timer(role: str, kind: str, **value: Json) -> Json:
    """Return a participant timer for UpdateParticipantRoleConfig."""
    return {"ParticipantRole": role, "TimerType": kind, "TimerValue": value}


def with_member(body: dict[str, Json], member: str, value: Json) -> dict[str, Json]:
    """Return the body with one member, given by its dotted path, set or left out."""
    name, _, rest = member.partition(".")
    if rest:
        return {**body, name: with_member(body.get(name, {}), rest, value)}
    return {key: old for key, old in body.items() if key != name} | ({} if value is ABSENT else {name: value})


def assert_refused(response: httpx.Response, status: int, name: str, mention: str = "") -> None:
    """Fail unless the response is an Amazon Connect error with this status and name, and its message has `mention`."""
    assert (response.status_code, response.headers.get("x-amzn-errortype")) == (status, name), response.text
    body = response.json()
    assert body == {"__type": name, "Message": body["Message"]}
    assert mention in body["Message"]
    assert body["Message"].strip()
    UUID(response.headers["x-amzn-requestid"])


def shape_error(operation: str) -> str:
    """Return the error name for a body of the wrong shape."""
    return "ValidationException" if operation in PARTICIPANT_OPERATIONS else "InvalidRequestException"


def value_error(operation: str) -> str:
    """Return the error name for a value that is not allowed."""
    return "ValidationException" if operation in PARTICIPANT_OPERATIONS else "InvalidParameterException"
