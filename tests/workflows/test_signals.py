"""Signals sent by hand, as from the Temporal UI: valid ones take effect, others are recorded as refused."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

from domain.contacts import EndReason
from domain.conversation import State
from domain.events import Park, Resume
from domain.refusals import RefusalCode
from tests.workflows.engine import Engine, refusal_code

CONFIGURABLE_ROLES = "timers.0.role: must be 'CUSTOMER' or 'AGENT'"

REFUSED: list[tuple[str, list[Any], RefusalCode, str]] = [
    ("message", [], RefusalCode.MALFORMED, "takes one JSON object"),
    ("message", [{"content": "a"}, {"content": "b"}], RefusalCode.MALFORMED, "takes one JSON object"),
    ("message", ["hello"], RefusalCode.MALFORMED, "messages.0"),
    ("message", [{"contnet": "typo"}], RefusalCode.MALFORMED, "content"),
    ("message", [{"content": ""}], RefusalCode.MALFORMED, "messages.0.content: must not be empty"),
    ("message", [{"content": "x" * 16_385}], RefusalCode.MALFORMED, "content"),
    ("message", [{"content": "é" * 8_193}], RefusalCode.MALFORMED, "content"),
    ("message", [{"content": "a\x00b"}], RefusalCode.MALFORMED, "messages.0.content: must not contain U+0000"),
    ("message", [{"content": {"no": "text"}}], RefusalCode.MALFORMED, "content"),
    ("message", [{"content": "hi", "content_type": "a\x00b"}], RefusalCode.MALFORMED, "content_type"),
    ("message", [{"content": "hi", "content_type": "t" * 101}], RefusalCode.MALFORMED, "content_type"),
    ("message", [{"content": "hi", "by": "a stranger"}], RefusalCode.NOT_A_PARTICIPANT, "is not a participant"),
    ("message", [{"content": "hi", "at": "yesterday"}], RefusalCode.MALFORMED, "at"),
    ("message", [{"messages": []}], RefusalCode.MALFORMED, "messages"),
    ("message", [{"messages": "no"}], RefusalCode.MALFORMED, "messages"),
    ("message", [None], RefusalCode.MALFORMED, "messages.0"),
    ("connect", [{"by": "a stranger"}], RefusalCode.NOT_A_PARTICIPANT, "is not a participant"),
    ("disconnect", [{"by": 7}], RefusalCode.MALFORMED, "by"),
    ("disconnect", [{"at": "2026-01-01T00:00:00"}], RefusalCode.MALFORMED, "at"),
    ("assign", [], RefusalCode.MALFORMED, "user"),
    ("assign", [{"user": "a1"}], RefusalCode.MALFORMED, "name"),
    ("configure", [{"timers": [{"role": "X", "kind": "IDLE"}]}], RefusalCode.MALFORMED, CONFIGURABLE_ROLES),
    ("park", [{"by": ""}], RefusalCode.MALFORMED, "by: must not be empty"),
    ("park", [], RefusalCode.PERSISTENT_ONLY, "not in this mode"),
    ("resume", [], RefusalCode.PERSISTENT_ONLY, "not in this mode"),
    ("end", [[1, 2, 3]], RefusalCode.MALFORMED, "body"),
    ("close", [{}], RefusalCode.WRONG_STATE, "not possible"),
    ("end", [{"by": "agent"}, 2, 3], RefusalCode.MALFORMED, "takes one JSON object"),
    ("no_such_signal", [{"a": 1}], RefusalCode.UNKNOWN_SIGNAL, "no signal of this name"),
    ("no_such_signal", [], RefusalCode.UNKNOWN_SIGNAL, "no signal of this name"),
]


@pytest.mark.parametrize(("name", "body", "reason", "mention"), REFUSED)
async def test_refused_signal_is_recorded_and_changes_nothing(
    engine: Engine, name: str, body: list[Any], reason: RefusalCode, mention: str
) -> None:
    async with engine.worker():
        chat = await engine.start()
        await chat.handle.signal(name, args=body)
        state = await chat.wait_until(lambda s: s.refused_count == 1, "the refusal is recorded")
        [refused] = state.refusals
        assert (refused.what, refused.code) == (name, reason)
        assert mention in refused.text
        assert "Value error" not in refused.text
        assert (state.state, await chat.contents()) == (State.OPEN, [])
        details = str(await chat.handle.query("__temporal_workflow_metadata"))
        assert "1 refused" in details
        await chat.signal("message", {"content": "goes on", "by": "customer"})
        await chat.wait_until(lambda s: s.seq == 2, "the next message is recorded")


@pytest.mark.parametrize("name", ["end", "message"])
@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("json/plain", b"{nonsense"),
        ("binary/plain", b"{nonsense"),
        ("no/such", b"{nonsense"),
        ("json/plain", rb'{"by": "half \ud83d", "content": "half \ud83d"}'),
        ("json/plain", b'{"by": "\xff", "content": "\xff"}'),
    ],
)
async def test_signal_that_cannot_be_read_is_recorded_as_refused(
    engine: Engine, name: str, encoding: str, data: bytes
) -> None:
    async with engine.worker():
        chat = await engine.start()
        await chat.handle.signal(name, RawValue(Payload(metadata={"encoding": encoding.encode()}, data=data)))
        await chat.signal("message", {"content": "goes on", "by": "customer"})
        state = await chat.wait_until(lambda s: s.seq == 2, "the next message is recorded")
        assert state.state is State.OPEN
        [refused] = state.refusals
        assert (refused.what, refused.code) == (name, RefusalCode.MALFORMED)
        assert "1 refused" in str(await chat.handle.query("__temporal_workflow_metadata"))


async def test_operator_sends_messages_and_ends_the_chat_by_plain_json(engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start(greeting="hello?")
        await chat.signal("assign", {"user": "a2", "name": "Agent Two"})
        await chat.signal("message", {"content": "we are on it"})
        await chat.signal(
            "message", {"messages": [{"content": "one", "by": "agent"}, {"content": "two", "by": "agent"}]}
        )
        await chat.signal("end", {"by": "kim"})
        state = await chat.wait_until(lambda s: s.ended, "the chat ends")
        assert (state.state, state.end_reason, state.refused_count) == (State.WRAP_UP, EndReason.STOPPED, 0)
        await chat.signal("message", {"content": "too late"})
        await chat.wait_until(lambda s: s.refused_count == 1, "the late message is refused")
        await chat.signal("close", {"by": "kim"})
        assert (await chat.handle.result())["reason"] == EndReason.STOPPED
    expected = ["hello?", "we are on it", "participant.joined", "one", "two", "participant.left", "chat.ended"]
    assert await chat.contents() == expected


async def test_cancellation_ends_the_chat_and_keeps_its_record(engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start()
        await chat.assign()
        await chat.handle.cancel()
        state = await chat.wait_until(lambda s: s.ended, "the chat ends")
        assert (state.state, state.end_reason) == (State.WRAP_UP, EndReason.STOPPED)
        await chat.close()
        assert (await chat.handle.result())["reason"] == EndReason.STOPPED
    assert await chat.contents() == ["chat.ended"]


async def test_accepted_message_is_recorded_after_the_end(engine: Engine) -> None:
    chat = await engine.start()
    await chat.signal("end", {"by": "customer"})
    await chat.signal("message", {"content": "crossed the end", "by": "customer", "id": "m-1"})
    async with engine.worker():
        await chat.handle.result()
    assert await chat.contents() == ["chat.ended", "crossed the end"]


async def test_park_and_resume_are_refused_in_live_mode(engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start()
        await chat.assign()
        for command in (Park(), Resume()):
            assert refusal_code(await chat.ask(command)) is RefusalCode.PERSISTENT_ONLY


async def test_second_agent_is_refused_and_the_same_agent_is_not(engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start()
        assert await chat.assign("a1") is None
        assert await chat.assign("a1") is None
        assert refusal_code(await chat.assign("a2")) is RefusalCode.WRONG_STATE
        assert await chat.end("agent") is None
        assert refusal_code(await chat.assign("a1")) is RefusalCode.CONVERSATION_ENDED


async def test_outdated_disconnect_is_ignored(engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start()
        await chat.signal("connect", {"by": "customer"})
        connected = await chat.wait_until(lambda s: s.seq == 1, "the customer has joined")
        earlier = connected.started_at.isoformat()
        await chat.signal("disconnect", {"by": "customer", "at": earlier})
        await chat.signal("message", {"content": "here", "by": "customer"})
        state = await chat.wait_until(lambda s: s.seq == 2, "the message is recorded")
        assert state.customer.presence == "connected"
