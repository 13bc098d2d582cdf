"""The buttons of the Temporal UI: reset, terminate and start again, start a copy, an update by hand. Store and run stay one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import delete
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import ResetReapplyExcludeType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ActivityError

from configuration.current import Configuration
from configuration.schema.instances import InstanceSettings
from domain.contacts import EndReason
from domain.conversation import ConversationOpening, Mode, State
from domain.errors import ConversationEnded
from domain.events import Connect, End, Park, Resume
from domain.refusals import RefusalCode
from domain.transcript import EVENT_PREFIX
from engine.client import ConversationClient
from engine.lost_conversations import LostConversations
from runtime.bus import LocalBus
from runtime.settings import Settings
from store import schema
from store.conversations import find_conversation, open_conversation
from store.records import StoredConversation
from tests.routing.routing_records import routing_row
from tests.workflows.engine import UNCONFIGURED, Chat, Engine, eventually
from tests.workflows.random_chats import wait_until_idle
from tests.workflows.test_abandoned_tasks import assert_record_equals_run
from workflows.contract import WORKFLOW

FIRST_TASK_ENDED = 4
"""The event at which a reset to the first workflow task begins anew."""


async def parked_rounds(engine: Engine, rounds: int = 3) -> Chat:
    """A persistent chat that was parked and resumed several times, and is with its agent."""
    chat = await engine.start(Mode.PERSISTENT, greeting="hello")
    # with their instants, as the API sends them: a signal without one counts as new when a reset applies it again
    await chat.signal("connect", {"at": datetime.now(UTC).isoformat()})
    await chat.assign()
    await chat.signal("connect", {"by": "agent", "at": datetime.now(UTC).isoformat()})
    for number in range(rounds):
        await chat.do(Park())
        await chat.send(f"message {number}")
        await chat.do(Resume(user="a1", name="A1"))
    return chat


async def reset(chat: Chat, *, reapply: bool) -> None:
    """Reset a workflow to its first task, as the button does. Wait for the new run."""
    client = chat.engine.client
    before = await chat.run_id()
    assert before
    exclude = () if reapply else tuple(ResetReapplyExcludeType.values())[1:]
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=chat.id, run_id=before),
            reason="test",
            request_id=str(uuid4()),
            workflow_task_finish_event_id=FIRST_TASK_ENDED,
            reset_reapply_exclude_types=exclude,
        )
    )

    async def find() -> bool | None:
        return True if await chat.run_id() != before else None

    await eventually(find, "the reset run has begun")


@pytest.mark.parametrize("reapply", [True, False], ids=["reapply", "exclude"])
async def test_reset_run_goes_on_from_what_is_on_record(engine: Engine, reapply: bool) -> None:
    async with engine.worker():
        chat = await parked_rounds(engine)
        before, before_reset = await chat.state(), await chat.contents()
        await reset(chat, reapply=reapply)
        await chat.send("after the reset")
        after = await chat.state()
        assert after.state is before.state is State.ACTIVE
        assert after.agent
        assert after.agent.user == "a1"
        assert await chat.contents() == [*before_reset, "after the reset"]
        await wait_until_idle(chat)
        await assert_record_equals_run(chat)
        assert await chat.end() is None
        assert await chat.close() is None
        await wait_until_idle(chat)
        await assert_record_equals_run(chat)


async def test_terminated_conversation_that_is_started_again_goes_on(engine: Engine) -> None:
    async with engine.worker():
        chat = await parked_rounds(engine)
        before = await chat.state()
        await engine.client.get_workflow_handle(chat.id).terminate()
        await engine.client.start_workflow(
            WORKFLOW, await first_input(chat), id=chat.id, task_queue=Settings().temporal_task_queue
        )
        await chat.send("after the start")
        after = await chat.state()
        assert (after.state, after.agent) == (before.state, before.agent)
        await wait_until_idle(chat)
        await assert_record_equals_run(chat)


@pytest.mark.parametrize("stage", ["queued", "working", "parked", "wrap-up"])
async def test_terminated_conversation_ends_in_order(engine: Engine, stage: str) -> None:
    """Whoever meets it has it end: for its participants, its agent and routing."""
    async with engine.worker():
        chat = await parked_rounds(engine, rounds=1) if stage != "queued" else await engine.start(greeting="hello")
        await wait_until_idle(chat)
        if stage == "parked":
            await chat.do(Park())
        elif stage == "wrap-up":
            assert await chat.end() is None
        await engine.client.get_workflow_handle(chat.id).terminate()
        conversations = ConversationClient(engine.client, Settings())
        configuration = Configuration({}, engine.db, LocalBus())
        conversations.subscribe_lost(LostConversations(engine.db, configuration, conversations).end)
        with pytest.raises(ConversationEnded):
            await conversations.signal(chat.id, Connect(at=datetime.now(UTC)))

        async def closed() -> StoredConversation | None:
            record = await find_conversation(engine.db, chat.id)
            return record if record and record.state is State.CLOSED else None

        record = await eventually(closed, "the conversation is closed")
        reason = EndReason.AGENT_ENDED if stage == "wrap-up" else EndReason.WORKFLOW_GONE
        assert record.end_reason is reason
        assert (await chat.items())[-1].content_type == f"{EVENT_PREFIX}chat.ended"
        assert await routing_row(engine.db, chat.id) is None
        await wait_until_idle(chat)
        await assert_record_equals_run(chat)


@pytest.mark.parametrize("resume", [True, False])
async def test_conversation_that_is_terminated_before_its_first_task_ends_or_begins(
    engine: Engine, resume: bool
) -> None:
    attributes = {"topic": "bees"}
    chat = await engine.start(greeting="hello", attributes=attributes, customer_id="ada")
    first = (await first_input(chat))["opening"]
    await open_conversation(engine.db, ConversationOpening.model_validate(first))
    await engine.client.get_workflow_handle(chat.id).terminate()
    conversations = ConversationClient(engine.client, Settings())
    lost = LostConversations(engine.db, Configuration({}, engine.db, LocalBus()), conversations)
    if resume:
        assert await lost.resume(chat.id)
    else:
        await lost.end(chat.id)
    async with engine.worker():
        if resume:
            await chat.send("is anybody there?")
        else:
            await engine.client.get_workflow_handle(chat.id).result()
        await wait_until_idle(chat)
        record = await find_conversation(engine.db, chat.id)
        assert record
        assert (record.state, record.attributes) == (State.OPEN if resume else State.CLOSED, attributes)
        again = (await first_input(chat))["opening"]
        assert {**again, "started_at": ""} == {**first, "started_at": ""}  # the store has milliseconds
        await assert_record_equals_run(chat)


@pytest.mark.parametrize("workstream", [UNCONFIGURED, "another"])
async def test_transcript_of_a_terminated_conversation_is_archived(
    engine: Engine, tmp_path: Path, workstream: str
) -> None:
    """Also when the configuration no longer has its workstream."""
    archive = tmp_path.as_uri()
    configured = {"workstreams": {workstream: {"mode": "persistent", "queue": "persistent"}}}
    instance = InstanceSettings.model_validate(configured)
    async with engine.worker(archive=archive):
        chat = await parked_rounds(engine, rounds=1)
        await wait_until_idle(chat)
        await engine.client.get_workflow_handle(chat.id).terminate()
        conversations = ConversationClient(engine.client, Settings(archive_url=archive))
        await LostConversations(engine.db, Configuration({"demo": instance}, engine.db, LocalBus()), conversations).end(
            chat.id
        )
        await engine.client.get_workflow_handle(chat.id).result()
    assert [path.stem for path in tmp_path.rglob("*.json")] == [chat.id]


async def test_ended_and_unknown_conversations_are_not_started_again(engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start(greeting="hello")
        await chat.do(End(by="customer"))
        await chat.handle.result()
        conversations = ConversationClient(engine.client, Settings())
        lost = LostConversations(engine.db, Configuration({}, engine.db, LocalBus()), conversations)
        for id in (chat.id, str(uuid4())):
            await lost.end(id)
            assert not await lost.resume(id)


async def test_terminated_conversation_can_go_on(engine: Engine) -> None:
    async with engine.worker():
        chat = await parked_rounds(engine, rounds=1)
        before = await chat.state()
        await engine.client.get_workflow_handle(chat.id).terminate()
        conversations = ConversationClient(engine.client, Settings())
        lost = LostConversations(engine.db, Configuration({}, engine.db, LocalBus()), conversations)
        for _ in range(2):
            assert await lost.resume(chat.id)
        await chat.send("after the start")
        after = await chat.state()
        assert (after.state, after.agent) == (before.state, before.agent)
        await wait_until_idle(chat)
        await assert_record_equals_run(chat)


async def test_copy_under_another_id_fails_at_once_and_writes_nothing(engine: Engine) -> None:
    async with engine.worker():
        chat = await parked_rounds(engine, rounds=1)
        items = await chat.items()
        copy = await engine.client.start_workflow(
            WORKFLOW, await first_input(chat), id=f"copy-{chat.id}", task_queue=Settings().temporal_task_queue
        )
        with pytest.raises(WorkflowFailureError) as failure:
            await copy.result()
        assert isinstance(failure.value.cause, ActivityError)
        assert "must be that of its conversation" in str(failure.value.cause.cause)
        assert await chat.items() == items
        await assert_record_equals_run(chat)


async def test_conversation_that_a_restored_store_lacks_is_written_again(engine: Engine) -> None:
    async with engine.worker():
        chat = await parked_rounds(engine)
        before = await chat.state()
        async with engine.db.write() as connection:
            for table in (schema.checkpoints, schema.items, schema.contacts, schema.participants):
                await connection.execute(delete(table).where(table.c.conversation_id == chat.id))
            await connection.execute(delete(schema.routing).where(schema.routing.c.conversation_id == chat.id))
            await connection.execute(delete(schema.conversations).where(schema.conversations.c.id == chat.id))
        await chat.send("after the restore")
        after = await chat.state()
        assert (after.state, after.agent) == (before.state, before.agent)
        assert await chat.contents() == ["after the restore"]
        assert await chat.end() is None


MANY_MISTAKES = {"command": {"kind": "configure", "timers": ["x" * 20] * 20_000}}

WRONG_INPUTS: dict[str, list[Any]] = {
    "nothing": [],
    "an empty object": [{}],
    "an unknown command": [{"command": {"kind": "no such"}}],
    "a text": ["x"],
    "two inputs": [{"command": {"kind": "park"}}, 2],
    "null": [None],
    "thousands of mistakes": [MANY_MISTAKES],
}


@pytest.mark.parametrize("inputs", WRONG_INPUTS.values(), ids=WRONG_INPUTS)
async def test_update_by_hand_with_wrong_input_is_refused_and_blocks_nothing(engine: Engine, inputs: list[Any]) -> None:
    async with engine.worker():
        chat = await engine.start()
        with pytest.raises(WorkflowUpdateFailedError) as failed:
            await chat.handle.execute_update("ask", args=inputs)
        assert len(str(failed.value.cause)) < 2_000
        await chat.send("goes on")
        assert (await chat.state()).refused_count == 0


@pytest.mark.parametrize("name", ["transfer", "invite"])
async def test_signal_that_names_what_another_conversation_has_is_refused(engine: Engine, name: str) -> None:
    async with engine.worker():
        other, chat = await parked_rounds(engine, rounds=1), await parked_rounds(engine, rounds=1)
        bodies = {
            "transfer": {"contact_id": other.id, "queue": "another"},
            "invite": {"participant_id": (await other.state()).customer.id, "name": "Bot"},
        }
        await chat.signal(name, bodies[name])
        state = await chat.wait_until(lambda state: state.refused_count == 1, "the signal is refused")
        assert state.refusals[0].code is RefusalCode.NOT_STORABLE
        await chat.send("goes on")
        for each in (other, chat):
            await wait_until_idle(each)
            await assert_record_equals_run(each)


async def test_one_transfer_signal_moves_many_conversations(engine: Engine) -> None:
    async with engine.worker():
        chats = [await parked_rounds(engine, rounds=1) for _ in range(2)]
        for chat in chats:
            await chat.signal("transfer", {"queue": "another"})
        for chat in chats:
            state = await chat.wait_until(lambda state: state.queue == "another", "the chat is transferred")
            assert state.refused_count == 0
            await wait_until_idle(chat)
            await assert_record_equals_run(chat)


async def first_input(chat: Chat) -> Any:
    """The input of the first run, as JSON."""
    history = await chat.handle.fetch_history()
    [payload] = history.events[0].workflow_execution_started_event_attributes.input.payloads
    [value] = await chat.engine.client.data_converter.decode([payload])
    return value
