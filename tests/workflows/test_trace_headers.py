"""Trace contexts in headers: histories with them replay without the interceptor, those without them with it, and none is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, Interceptor, OutboundInterceptor, SignalWorkflowInput, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from activities.recording import Recorder
from runtime import causes
from runtime.bus import Announcement, LocalBus
from store.conversations import Written
from tests.replay.histories import read_history, recorded
from tests.workflows.engine import Chat, Engine, eventually
from workflows.contract import Commit
from workflows.conversation import Conversation
from workflows.trace_headers import HEADER, TraceHeaders, header

TRACE = "7" * 32
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


class WithHeaders(Interceptor):
    """Adds headers to each signal."""

    def __init__(self, headers: Mapping[str, Payload]) -> None:
        self._headers = headers

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        headers = self._headers

        class Outbound(OutboundInterceptor):
            async def signal_workflow(self, input: SignalWorkflowInput) -> None:
                await super().signal_workflow(replace(input, headers=headers))

        return Outbound(next)


def sending(chat: Chat, headers: Mapping[str, Payload]) -> Chat:
    """The same chat, whose signals have headers."""
    config = chat.engine.client.config()
    config["interceptors"] = [WithHeaders(headers)]
    return replace(chat, engine=replace(chat.engine, client=Client(**config)))


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traces are on. Their spans go nowhere."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    provider = TracerProvider()
    monkeypatch.setattr(causes, "tracer", lambda: provider.get_tracer("test"))


@asynccontextmanager
async def traced_messages(engine: Engine) -> AsyncGenerator[dict[str, str]]:
    """A worker. Yields the trace ids of the messages that it has announced, by message."""
    found: dict[str, str] = {}

    def note(announcement: Announcement) -> None:
        found.update({id: traceparent.split("-")[1] for id, traceparent in announcement.traces})

    bus = LocalBus()
    bus.subscribe(note)
    async with engine.worker(bus=bus):
        yield found


async def until_traced(found: Mapping[str, str], id: str) -> str:
    async def find() -> str | None:
        return found.get(id)

    return await eventually(find, f"{id} is announced with its trace")


def with_header(history: WorkflowHistory) -> list[int]:
    """The numbers of the events that hold a header of traces."""
    return [event.event_id for event in history.events if HEADER in str(event)]


async def replays(history: WorkflowHistory, *interceptors: Any) -> None:
    replayer = Replayer(workflows=[Conversation], data_converter=pydantic_data_converter, interceptors=[*interceptors])
    await replayer.replay_workflow(history)


async def test_recorded_histories_replay_with_the_interceptor() -> None:
    for path in recorded():
        await replays(read_history(path), TraceHeaders())


@pytest.mark.usefixtures("traced")
async def test_history_with_contexts_replays_with_and_without_the_interceptor(engine: Engine) -> None:
    async with traced_messages(engine) as found:
        chat = await engine.start()
        await chat.assign()
        body = {"id": "m-traced", "content": "hello", "by": "customer"}
        await sending(chat, header({"m-traced": TRACEPARENT})).signal("message", body)
        assert await until_traced(found, "m-traced") == TRACE
        await chat.end()
        await chat.close()
        await chat.handle.result()
    history = await chat.handle.fetch_history()
    assert len(with_header(history)) == 1  # the signal alone: the marker of a local activity has no header
    await replays(history, TraceHeaders())
    await replays(history)


async def test_history_without_traces_has_no_header(engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start(greeting="hello")
        await chat.send("hello")
        history = await chat.handle.fetch_history()
    assert with_header(history) == []
    assert not any(event.workflow_execution_signaled_event_attributes.header.fields for event in history.events)


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize(
    "text", [b"", b"[]", b'"x"', b'{"m": 1}', b'{"m": "00-x"}', b"\xff", json.dumps({"m": "z" * 55}).encode()]
)
async def test_wrong_header_is_ignored(engine: Engine, text: bytes) -> None:
    wrong = {HEADER: Payload(metadata={"encoding": b"json/plain"}, data=text)}
    async with traced_messages(engine) as found:
        chat = await engine.start()
        await sending(chat, wrong).signal("message", {"id": "m", "content": "hello", "by": "customer"})
        await chat.send("hello")
        assert [item.id for item in await chat.items() if item.id == "m"] == ["m"]
        assert found == {}


@pytest.mark.usefixtures("traced")
async def test_context_of_a_carried_message_goes_into_the_next_run(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that comes while the run waits to end is decided in the next run."""
    write = Recorder._write  # pyright: ignore[reportPrivateUsage]
    waits, goes_on = asyncio.Event(), asyncio.Event()

    async def write_late(self: Recorder, commit: Commit) -> Written:
        if commit.checkpoint is None:  # the run waits for it, and then ends
            waits.set()
            await goes_on.wait()
        return await write(self, commit)

    monkeypatch.setattr(Recorder, "_write", write_late)
    async with traced_messages(engine) as found:
        chat = await engine.start()
        await chat.assign()
        before = await chat.run_id()
        await chat.signal("renew")
        await waits.wait()
        body = {"id": "m-carried", "content": "hello", "by": "customer"}
        await sending(chat, header({"m-carried": TRACEPARENT})).signal("message", body)
        goes_on.set()
        assert await until_traced(found, "m-carried") == TRACE
        assert await chat.run_id() != before
        await chat.end()
        await chat.close()
