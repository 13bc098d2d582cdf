"""What an RPC error of Temporal means: the conversation has ended, or the engine is unavailable."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, cast

import pytest
from google.protobuf.message import Message as ProtobufMessage
from temporalio.api.common.v1 import GrpcStatus
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure, NotFoundFailure
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from configuration.schema.instances import InstanceSettings
from domain.conversation import Mode
from domain.errors import ConversationEnded, EngineUnavailable
from domain.events import End, Message
from engine.client import ConversationClient
from runtime.settings import Settings
from tests.store.sample_records import opening

NO_WORKFLOW = (RPCStatusCode.NOT_FOUND, NotFoundFailure())
NO_NAMESPACE = (RPCStatusCode.NOT_FOUND, NamespaceNotFoundFailure(namespace="missing"))
INSTANCE = InstanceSettings.model_validate({"workstreams": {"live": {"mode": "live", "queue": "live"}}})
OPENING = opening(workstream="live", mode=Mode.LIVE)


class FailingTemporal:
    """A Temporal client and its workflow handles. Every request fails with one RPC error."""

    def __init__(self, status: RPCStatusCode, detail: ProtobufMessage) -> None:
        raw = GrpcStatus(code=status.value)
        raw.details.add().Pack(detail)
        self._error = RPCError("it failed", status, raw.SerializeToString())

    def get_workflow_handle(self, _id: str) -> FailingTemporal:
        return self

    async def start_workflow(self, *_: Any, **__: Any) -> None:
        raise self._error

    signal = execute_update = start_workflow


def client(failure: tuple[RPCStatusCode, ProtobufMessage]) -> ConversationClient:
    return ConversationClient(cast("Client", FailingTemporal(*failure)), Settings())


def requests(client: ConversationClient) -> list[Awaitable[object]]:
    """One request of each kind to a conversation that was started before."""
    return [
        client.signal("c", End()),
        client.send_message("c", Message(content="hello")),
        client.execute_command("c", End()),
    ]


async def test_missing_workflow_means_that_the_conversation_has_ended() -> None:
    for request in requests(client(NO_WORKFLOW)):
        with pytest.raises(ConversationEnded):
            await request


@pytest.mark.parametrize("failure", [NO_NAMESPACE, (RPCStatusCode.UNAVAILABLE, NotFoundFailure())])
async def test_other_failures_say_nothing_about_the_conversation(
    failure: tuple[RPCStatusCode, ProtobufMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.calls.REPEAT_SECONDS", 0.0)
    for request in requests(client(failure)):
        with pytest.raises(EngineUnavailable, match="may still take effect") as unavailable:
            await request
        assert str(unavailable.value.__cause__) == "it failed"


@pytest.mark.parametrize("failure", [NO_NAMESPACE, NO_WORKFLOW], ids=["namespace", "anything"])
async def test_start_does_not_say_that_a_new_conversation_has_ended(
    failure: tuple[RPCStatusCode, ProtobufMessage],
) -> None:
    with pytest.raises(EngineUnavailable, match="can be repeated"):
        await client(failure).start(OPENING, INSTANCE)
