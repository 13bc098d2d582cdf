"""Traces of a running stack, at a collector: a message's way from the request to the frame, and nothing without an endpoint."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.api.agent.agent_client import sign_in
from tests.api.calls import Api
from tests.compat.chats import eventually
from tests.deployment.collector import CollectedSpan, Collector, collector
from tests.stack import ROOT, Stack
from tests.test_metrics import subscribed, until_frame

WAY = ["POST /participant/message", "signal message", "conversation", "record", "commit", "frame"]

MARK = "mark-of-this-test"


@pytest.fixture(scope="module")
def collected() -> Iterator[Collector]:
    with collector() as running:
        yield running


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory, collected: Collector) -> Iterator[Api]:
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collected.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    running = Stack(tmp_path_factory.mktemp("traces"), settings)
    running.start()
    with httpx.Client(base_url=running.url, timeout=30) as http:
        yield Api(running, http)
    assert running.stop() == 0, running.log()


def whole(collected: Collector, trace_id: str, names: list[str]) -> list[CollectedSpan]:
    """The spans of a trace, once it has those of the names."""

    def find() -> list[CollectedSpan] | None:
        spans = [*collected.of(trace_id)]
        return spans if {span.name for span in spans} >= {*names} else None

    return eventually(find, f"the trace has {names}", seconds=20)


def caller(trace_id: str, *, sampled: bool = True) -> dict[str, str]:
    return {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-0{int(sampled)}"}


def test_message_is_one_trace_from_request_to_frame(traced: Api, collected: Collector) -> None:
    trace_id = "1" * 32
    chat = traced.start("live")
    body = {"ContentType": "text/plain", "Content": MARK}
    with subscribed(traced, chat) as socket:
        traced.send("SendMessage", body, chat=chat, headers=caller(trace_id)).raise_for_status()
        until_frame(socket, MARK)
        spans = whole(collected, trace_id, WAY)
    assert sorted(span.name for span in spans) == sorted(WAY)
    request, signal, conversation, record, commit, frame = (
        next(span for span in spans if span.name == name) for name in WAY
    )
    assert [request.parent_id, signal.parent_id] == ["00f067aa0ba902b7", request.span_id]
    assert [conversation.parent_id, record.parent_id] == [signal.span_id, conversation.span_id]
    assert [commit.parent_id, frame.parent_id] == [record.span_id, record.span_id]
    assert {span.attributes["perennial.conversation.id"] for span in spans} == {chat.contact_id}
    assert {span.process for span in (request, signal, frame)} == {"perennial-api"}
    assert {span.process for span in (conversation, record, commit)} == {"perennial-worker"}
    assert record.attributes["perennial.items"] >= 1
    assert request.attributes["http.response.status_code"] == 200
    assert all(span.began <= span.ended for span in spans)
    assert request.began <= signal.began <= record.began <= commit.began <= frame.ended
    traced.end(chat)


def test_each_message_of_a_batch_has_a_whole_trace(traced: Api, collected: Collector) -> None:
    chat = traced.start("live")
    ids = [f"{number:032x}" for number in range(101, 111)]

    def send(trace_id: str) -> None:
        body = {"ContentType": "text/plain", "Content": trace_id}
        traced.send("SendMessage", body, chat=chat, headers=caller(trace_id)).raise_for_status()

    with subscribed(traced, chat), ThreadPoolExecutor(len(ids)) as senders:
        assert [*senders.map(send, ids)] == [None] * len(ids)
        traces = [whole(collected, trace_id, WAY) for trace_id in ids]
    assert [len(spans) for spans in traces] == [len(WAY)] * len(ids)
    assert max(span.attributes.get("perennial.items", 0) for spans in traces for span in spans) > 1
    traced.end(chat)


def test_start_and_command_are_traced(traced: Api, collected: Collector) -> None:
    started, ended = "2" * 32, "3" * 32
    body = {"InstanceId": "demo", "ContactFlowId": "live", "ParticipantDetails": {"DisplayName": MARK}}
    answer = traced.send("StartChatContact", body, headers=caller(started)).raise_for_status().json()
    names = {span.name for span in whole(collected, started, ["PUT /contact/chat", "start", "record", "commit"])}
    assert "conversation" in names
    stop = {"InstanceId": "demo", "ContactId": answer["ContactId"]}
    traced.send("StopContact", stop, headers=caller(ended)).raise_for_status()
    whole(collected, ended, ["POST /contact/stop"])


def test_caller_decides_whether_a_trace_is_recorded(traced: Api, collected: Collector) -> None:
    unrecorded, recorded = "4" * 32, "5" * 32
    chat = traced.start("live")
    body = {"ContentType": "text/plain", "Content": MARK}
    traced.send("SendMessage", body, chat=chat, headers=caller(unrecorded, sampled=False)).raise_for_status()
    traced.send("SendMessage", body, chat=chat, headers=caller(recorded)).raise_for_status()
    whole(collected, recorded, WAY[:-1])
    assert collected.of(unrecorded) == []
    traced.end(chat)


def test_no_span_holds_what_people_write_or_their_names(traced: Api, collected: Collector) -> None:
    sign_in(traced, "a1").set_status("offline")
    traced.http.get("/contacts/demo/no-such-contact")
    eventually(lambda: any("sign-in" in span.name for span in collected.spans), "the sign-in is traced")
    for span in collected.spans:
        assert span.name == "".join(char for char in span.name if char.isprintable())
        assert MARK not in f"{span}"
        assert "Ada" not in f"{span}"


def test_without_an_endpoint_the_sdk_is_not_imported() -> None:
    program = (
        "import asyncio, json, sys, perennial, worker, api.__main__\n"
        "from runtime.tracing import sent_traces\n"
        "async def run():\n"
        "    async with sent_traces('perennial'): pass\n"
        "asyncio.run(run())\n"
        "print(json.dumps([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))]))"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == []
