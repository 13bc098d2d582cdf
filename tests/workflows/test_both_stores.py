"""Life, crash and poison of conversations on both stores. `make test-postgres` runs the whole suite on PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowFailureError
from temporalio.common import RawValue
from temporalio.testing import WorkflowEnvironment

from domain.events import Assign, Close, Connect, End, Invite
from domain.refusals import RefusalCode
from runtime.settings import Settings
from store.database import Database
from tests.replay.scenarios import SCENARIOS
from tests.workflows.both_stores import engine_on_each_store
from tests.workflows.engine import Chat, Engine, refusal_code
from tests.workflows.test_abandoned_tasks import AbandonedTasks, assert_record_equals_run
from workflows import conversation
from workflows.contract import WORKFLOW

__all__ = ["engine_on_each_store"]

LIFE = ("contacts", "outage", "renewed_after_work", "returning", "offered")
"""Scenarios that write every table."""

CANNOT_BE_STORED = "cannot be stored"


@pytest.mark.parametrize("name", LIFE)
async def test_conversation_runs_on_both_stores(name: str, engine: Engine, environment: WorkflowEnvironment) -> None:
    async with engine.worker():
        chat = await SCENARIOS[name](engine, environment)
        assert [item.seq for item in await chat.items()] == list(range(1, (await chat.state()).seq + 1))


async def test_store_and_run_agree_after_tasks_that_fail_after_their_write(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = AbandonedTasks(seed=3, share=0.5)
    monkeypatch.setattr(conversation, "write", faults.write)
    async with engine.worker():
        chat = await engine.start()
        await chat.do(Connect(), Assign(user="a1", name="Ann"), Connect(by="agent"))
        for number in range(10):
            await chat.signal("message", {"content": f"message {number}", "by": "customer"})
        await chat.wait_until(lambda s: s.seq == 12, "all is recorded")
        await assert_record_equals_run(chat)
    assert faults.count > 0


async def test_next_worker_goes_on_with_a_conversation(engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start()
        await chat.do(Connect())
        await chat.send("before")
    await chat.signal("message", {"content": "between", "by": "customer"})
    async with engine.worker():
        await chat.send("after")
    assert await chat.contents() == ["participant.joined", "before", "between", "after"]


POISON: list[dict[str, Any]] = [
    {"role": "CUSTOMER", "name": "n" * 300},
    {"role": "CUSTOMER", "name": "n\x00n"},
    {"role": "SYSTEM", "name": "𝄞" * 256},
    {"id": "i" * 257},
    {"id": "i\x00"},
    {"content_type": "t" * 101},
    {"at": "0001-01-01T00:00:00+14:00"},
]


@pytest.mark.parametrize("body", POISON)
async def test_message_by_hand_stops_no_later_message(engine: Engine, body: dict[str, Any]) -> None:
    async with engine.worker():
        chat = await engine.start()
        await chat.signal("message", {"content": "by hand", "by": "a stranger", **body})
        await chat.send("goes on")
        assert (await chat.contents())[-1] == "goes on"


async def test_signal_with_half_a_character_stops_no_later_message(engine: Engine) -> None:
    body = b'{"content": "hi", "by": "x", "role": "CUSTOMER", "name": "\\ud800"}'
    async with engine.worker():
        chat = await engine.start()
        payload = Payload(metadata={"encoding": b"json/plain"}, data=body)
        await chat.handle.signal("message", args=[RawValue(payload)])
        await chat.send("goes on")


async def test_offer_until_the_end_of_time_stops_nothing(engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start()
        await chat.do(Connect())
        until = "9999-12-31T23:59:59-12:00"
        await chat.signal("offer", {"offer_id": "o", "user": "a1", "name": "A", "until": until})
        await chat.send("goes on")


@asynccontextmanager
async def picky_store(db: Database) -> AsyncGenerator[None]:
    """A store that can never take an item whose content begins with `CANNOT_BE_STORED`, or a participant with this name."""
    columns = {"items": "content", "participants": "name"}
    make, drop = (_MAKE_POSTGRES, _DROP_POSTGRES) if db.is_postgres else (_MAKE_SQLITE, _DROP_SQLITE)
    for table, column in columns.items():
        async with db.write() as transaction:
            await transaction.execute(text(make.format(table=table, column=column, start=CANNOT_BE_STORED)))
    try:
        yield
    finally:
        for table in columns:
            async with db.write() as transaction:
                await transaction.execute(text(drop.format(table=table)))


_MAKE_SQLITE = """CREATE TRIGGER picky_{table} BEFORE INSERT ON {table} WHEN NEW.{column} LIKE '{start}%'
BEGIN SELECT RAISE(ABORT, 'picky'); END"""
_DROP_SQLITE = "DROP TRIGGER picky_{table}"
_MAKE_POSTGRES = "ALTER TABLE {table} ADD CONSTRAINT picky CHECK ({column} NOT LIKE '{start}%')"
_DROP_POSTGRES = "ALTER TABLE {table} DROP CONSTRAINT picky"


async def send_together(chat: Chat, *contents: str) -> None:
    messages = [{"id": str(uuid4()), "content": content, "by": "customer"} for content in contents]
    await chat.signal("message", {"messages": messages})


async def test_only_what_the_store_can_never_take_is_refused(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    async with picky_store(engine.db), engine.worker():
        chat, other = await engine.start(), await engine.start()
        await chat.do(Connect())
        await asyncio.gather(
            send_together(chat, "one", CANNOT_BE_STORED, "two", CANNOT_BE_STORED, "three"),
            send_together(other, "not affected"),
        )
        await chat.send("four")
        assert await chat.contents() == ["participant.joined", "one", "two", "three", "four"]
        state = await chat.state()
        assert [(each.what, each.code) for each in state.refusals] == [("message", RefusalCode.NOT_STORABLE)] * 2
        assert "2 refused" in str(await chat.handle.query("__temporal_workflow_metadata"))
        assert not any(CANNOT_BE_STORED in each.text for each in state.refusals)
        await assert_record_equals_run(chat)
        assert "not affected" in await other.contents()
        await chat.do(Assign(user="a1", name="Ann"), End(by="agent"), Close())
        await chat.handle.result()
    logged = [record for record in caplog.records if "refused an event" in record.getMessage()]
    assert len(logged) == 2


async def test_refused_command_is_answered(engine: Engine) -> None:
    async with picky_store(engine.db), engine.worker():
        chat = await engine.start()
        await chat.do(Connect())
        invite = Invite(participant_id=str(uuid4()), name=CANNOT_BE_STORED)
        assert refusal_code(await chat.ask(invite)) is RefusalCode.NOT_STORABLE
        assert (await chat.state()).bots == ()
        await chat.do(Invite(participant_id=str(uuid4()), name="Bee"))


async def test_own_text_that_cannot_be_stored_stops_no_conversation(engine: Engine) -> None:
    texts = {"ended": CANNOT_BE_STORED}
    async with picky_store(engine.db), engine.worker():
        chat = await engine.start(texts=texts, open_age="PT1S")
        await chat.do(Connect())
        await chat.handle.result()
        assert [each.code for each in (await chat.state()).refusals] == [RefusalCode.NOT_STORABLE]
        assert await chat.contents() == ["participant.joined", "participant.left", "chat.ended"]


@pytest.mark.parametrize("queue", ["q" * 257, "q\x00"])
async def test_start_by_hand_that_cannot_be_stored_fails_the_workflow(engine: Engine, queue: str) -> None:
    async with engine.worker():
        chat = await engine.start()
        begun = await chat.handle.fetch_history()
        [payload] = begun.events[0].workflow_execution_started_event_attributes.input.payloads
        start = json.loads(payload.data)
        start["opening"] |= {"contact_id": f"{chat.id}-2", "queue": queue}
        by_hand = await engine.client.start_workflow(
            WORKFLOW, start, id=f"{chat.id}-2", task_queue=Settings().temporal_task_queue
        )
        with pytest.raises(WorkflowFailureError) as failure:
            await by_hand.result()
        assert "opening.queue" in str(failure.value.cause)
