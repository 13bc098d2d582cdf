"""A valid request for each operation, by its method and path as in the table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.access.tenants import HOOK, SAID, SAID_LATER, WORKSTREAM, Tenants
from tests.compat.chats import EVENT, Chat
from tests.stack import TOPIC


@dataclass(frozen=True)
class Target:
    """What a request is about."""

    tenants: Tenants
    chat: Chat
    offer_id: str = "-"
    user: str = "other"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What an answer has only if it tells something of the chat."""
        return self.chat.contact_id, self.tenants.customer_of(self.chat), SAID, SAID_LATER


Body = Callable[[Target], Any]

INSTANCE = {"InstanceId": "one"}


def _contact(target: Target, **members: Any) -> Any:
    return {**INSTANCE, "ContactId": target.chat.contact_id, **members}


def _ended_chat(target: Target) -> Any:
    source = target.tenants.start(customer=target.tenants.customer_of(target.chat))
    target.tenants.end(source)
    return {"RehydrationType": "FROM_SEGMENT", "SourceContactId": source.contact_id}


def public_chat(target: Target, **members: Any) -> dict[str, Any]:
    """What a browser sends to start a chat."""
    return {**INSTANCE, "ContactFlowId": WORKSTREAM, "ParticipantDetails": {"DisplayName": "Ada"}, **members}


BODIES: Mapping[str, Body] = {
    "PUT /contact/chat": lambda _: {
        **INSTANCE,
        "ContactFlowId": WORKSTREAM,
        "ParticipantDetails": {"DisplayName": "Ada"},
    },
    "POST /contact/stop": _contact,
    "POST /contact/attributes": lambda target: {
        **INSTANCE,
        "InitialContactId": target.chat.contact_id,
        "Attributes": {"a": "1"},
    },
    "POST /contacts/{InstanceId}/{ContactId}/associate-user": lambda _: {"UserId": "other"},
    "POST /search-contacts": lambda _: {
        **INSTANCE,
        "TimeRange": {"Type": "INITIATION_TIMESTAMP", "StartTime": 0, "EndTime": 4_000_000_000},
        "Sort": {"FieldName": "INITIATION_TIMESTAMP", "Order": "DESCENDING"},
    },
    "POST /contact/start-streaming": lambda target: _contact(
        target, ChatStreamingConfiguration={"StreamingEndpointArn": TOPIC}, ClientToken=f"{uuid4()}"
    ),
    "POST /contact/stop-streaming": lambda target: _contact(target, StreamingId=target.tenants.stream_of(target.chat)),
    "POST /contact/transfer": lambda target: _contact(target, ContactFlowId=WORKSTREAM, QueueId="spare"),
    "POST /contact/create-participant": lambda target: _contact(
        target, ParticipantDetails={"ParticipantRole": "CUSTOM_BOT", "DisplayName": "Bot"}
    ),
    "POST /contact/persistent-contact-association/{InstanceId}/{InitialContactId}": _ended_chat,
    "PUT /contact/participant-role-config/{InstanceId}/{ContactId}": lambda _: {
        "ChannelConfiguration": {
            "Chat": {
                "ParticipantTimerConfigList": [
                    {
                        "ParticipantRole": "CUSTOMER",
                        "TimerType": "IDLE",
                        "TimerValue": {"ParticipantTimerDurationInMinutes": 480},
                    }
                ]
            }
        }
    },
    "POST /contact/monitor": lambda target: _contact(target, UserId="supervisor"),
    "POST /metrics/contact": lambda target: _contact(target, Metrics=[{"Name": "POSITION_IN_QUEUE"}]),
    "PUT /users/{InstanceId}/{UserId}/status": lambda _: {"AgentStatusId": "offline"},
    "POST /search-users": lambda _: INSTANCE,
    "POST /search-queues": lambda _: INSTANCE,
    "POST /metrics/current/{InstanceId}": lambda _: {"Filters": {}, "CurrentMetrics": [{"Name": "CONTACTS_IN_QUEUE"}]},
    "POST /metrics/userdata/{InstanceId}": lambda _: {"Filters": {}},
    "POST /contacts/{InstanceId}/{ContactId}": lambda _: {"Name": "an order"},
    "POST /contact/tags": lambda target: _contact(target, Tags={"a": "1"}),
    "POST /contacts/{InstanceId}/{ContactId}/routing-data": lambda _: {"QueuePriority": 1},
    "POST /users/{InstanceId}/{UserId}/contact": lambda target: {"ContactId": target.chat.contact_id},
    "POST /contact/list-real-time-analysis-segments-v2/{InstanceId}/{ContactId}": lambda _: {
        "OutputType": "Raw",
        "SegmentTypes": ["Transcript"],
    },
    "POST /v1/agents/sign-in": lambda _: {"instance": "one", "user": "other"},
    "POST /v1/reconnections": lambda _: {"instance": "one", "workstream": WORKSTREAM, "customer_id": "nobody"},
    "POST /v1/contacts/{contact_id}/reconnect-link": lambda _: {"instance": "one"},
    "PUT /v1/instances/{instance}/{kind}/{name}": lambda _: {},
    "PUT /v1/instances/{instance}/webhooks/{webhook}": lambda _: HOOK,
    "POST /v1/instances/{instance}/webhooks/{webhook}/replay": lambda _: {"after": "0-0"},
    "PUT /v1/agent/status": lambda _: {"status": "offline"},
    "POST /v1/agent/contacts/{contact_id}/transfer": lambda _: {"queue": "spare"},
    "POST /v1/agent/contacts/{contact_id}/notes": lambda _: {"text": "a note"},
    "PUT /v1/supervision/agents/{user}/status": lambda _: {"status": "offline"},
    "POST /v1/supervision/contacts/{contact_id}/assign": lambda _: {"user": "other"},
    "POST /v1/supervision/contacts/{contact_id}/transfer": lambda _: {"queue": "spare"},
    "POST /v1/supervision/queues/{queue}/transfer": lambda _: {"queue": "spare"},
    "POST /participant/connection": lambda _: {"Type": ["CONNECTION_CREDENTIALS"]},
    "POST /participant/message": lambda _: {"ContentType": "text/plain", "Content": "hello"},
    "POST /participant/event": lambda _: {"ContentType": EVENT + "typing"},
    "POST /participant/transcript": lambda _: {"MaxResults": 100},
    "POST /participant/disconnect": lambda _: {},
    "POST /participant/start-attachment-upload": lambda _: {
        "AttachmentName": "hello.txt",
        "AttachmentSizeInBytes": 5,
        "ContentType": "text/plain",
        "ClientToken": f"{uuid4()}",
    },
    "POST /participant/complete-attachment-upload": lambda target: {
        "AttachmentIds": [target.tenants.attachment_of(target.chat)],
        "ClientToken": "again",
    },
    "POST /participant/attachment": lambda target: {"AttachmentId": target.tenants.attachment_of(target.chat)},
}
"""The bodies of the operations that have one."""


SUBJECTS: Mapping[str, Callable[[Tenants], Chat]] = {
    "POST /contacts/{InstanceId}/{ContactId}/associate-user": Tenants.waiting,
    "POST /metrics/contact": Tenants.waiting,
    "POST /v1/supervision/contacts/{contact_id}/assign": Tenants.waiting,
    "POST /v1/supervision/contacts/{contact_id}/close": Tenants.in_wrap_up,
    "POST /v1/agent/contacts/{contact_id}/close": Tenants.in_wrap_up,
    "POST /v1/agent/contacts/{contact_id}/resume": Tenants.parked,
}
"""The operations that are not possible for a chat that an agent has now."""


QUERIES: Mapping[str, Callable[[Target], str]] = {
    "GET /v1/contacts/{contact_id}/transcript": lambda _: "instance=one",
    "GET /v1/events": lambda _: "instance=one",
    "GET /v1/contacts/{contact_id}/attachments/{attachment_id}": lambda _: "instance=one",
    "DELETE /contact/tags/{InstanceId}/{ContactId}": lambda _: "TagKeys=a",
    "GET /contact/references/{InstanceId}/{ContactId}": lambda _: "referenceTypes=URL",
    "GET /contact/associated/{InstanceId}": lambda target: f"contactId={target.chat.contact_id}",
}
"""The queries of the operations that need one."""


_WEBHOOK = "/v1/instances/{instance}/webhooks/{webhook}"
OF_A_NEW_WEBHOOK = (f"PUT {_WEBHOOK}", f"DELETE {_WEBHOOK}", f"POST {_WEBHOOK}/secrets")
"""The operations that are not possible for a webhook of the file."""


def subject_of(operation: str, tenants: Tenants) -> Target:
    """A chat of the agent `holder`, or one that waits, so that the operation is possible."""
    make = SUBJECTS.get(operation)
    return Target(tenants, make(tenants) if make else tenants.given_to("holder"))


def path_of(operation: str, target: Target) -> str:
    """The path, with what the request is about in it."""
    ids = {
        "InstanceId": "one",
        "instance": "one",
        "ContactId": target.chat.contact_id,
        "InitialContactId": target.chat.contact_id,
        "contact_id": target.chat.contact_id,
        "UserId": target.user,
        "QueueId": "spare",
        "ContactFlowId": WORKSTREAM,
        "user": target.user,
        "queue": "shelf",
        "offer_id": target.offer_id,
        "kind": "queues",
        "name": "spare",
        "webhook": target.tenants.webhook_of_backend() if operation in OF_A_NEW_WEBHOOK else "hook",
        "customer_id": target.tenants.customer_of(target.chat),
        "attachment_id": target.tenants.attachment_of(target.chat),
    }
    path = re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], operation.partition(" ")[2])
    return f"{path}?{QUERIES[operation](target)}" if operation in QUERIES else path
