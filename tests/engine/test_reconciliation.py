"""Store and engine after one of them was restored from a backup: what differs is found, and mended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import delete, update
from temporalio.client import Client

from configuration.current import Configuration
from domain.conversation import Mode, State
from engine.client import ConversationClient
from engine.lost_conversations import LostConversations
from engine.reconciliation import DifferenceKind, Reconciliation
from runtime.bus import LocalBus
from runtime.settings import Settings
from store import schema
from store.conversations import find_conversation
from tests.routing.routing_records import routing_row
from tests.stack import ROOT, Stack
from tests.workflows.conftest import engine, environment
from tests.workflows.engine import UNCONFIGURED, Chat, Engine, eventually
from tests.workflows.random_chats import wait_until_idle
from tests.workflows.test_abandoned_tasks import assert_record_equals_run

pytestmark = pytest.mark.slow

__all__ = ["engine", "environment"]

RECORD = (schema.checkpoints, schema.items, schema.contacts, schema.participants, schema.routing)


def reconciliation(engine: Engine) -> Reconciliation:
    conversations = ConversationClient(engine.client, Settings())
    lost = LostConversations(engine.db, Configuration({}, engine.db, LocalBus()), conversations)
    return Reconciliation(engine.db, conversations, lost)


async def assigned_chat(engine: Engine) -> Chat:
    chat = await engine.start(Mode.PERSISTENT, greeting="hello")
    await chat.assign()
    await wait_until_idle(chat)
    return chat


async def forget(chat: Chat) -> None:
    """Delete a conversation from the store, as a restored backup lacks it."""
    async with chat.engine.db.write() as connection:
        for table in RECORD:
            await connection.execute(delete(table).where(table.c.conversation_id == chat.id))
        await connection.execute(delete(schema.conversations).where(schema.conversations.c.id == chat.id))


async def test_conversations_that_agree_are_not_reported(engine: Engine) -> None:
    async with engine.worker():
        open_chat, closed = await assigned_chat(engine), await assigned_chat(engine)
        await closed.end()
        await closed.close()
        await closed.handle.result()
        found = await reconciliation(engine).differences(thorough=True)
        assert not {open_chat.id, closed.id} & {difference.conversation_id for difference in found}


async def test_conversation_that_the_store_lacks_is_found_and_written_whole(engine: Engine) -> None:
    async with engine.worker():
        chat = await assigned_chat(engine)
        await forget(chat)
        there = reconciliation(engine)
        [difference] = [d for d in await there.differences(thorough=True) if d.conversation_id == chat.id]
        assert difference.kind is DifferenceKind.UNRECORDED
        assert await there.mend([difference]) == []
        record = await find_conversation(engine.db, chat.id)
        assert record
        assert (record.state, record.workstream) == (State.ACTIVE, UNCONFIGURED)
        row = await routing_row(engine.db, chat.id)
        assert row
        assert (row.stage, row.agent) == ("working", "a1")


async def test_record_of_an_earlier_state_is_found_and_mended(engine: Engine) -> None:
    async with engine.worker():
        chat = await assigned_chat(engine)
        table = schema.conversations
        async with engine.db.write() as connection:
            await connection.execute(update(table).where(table.c.id == chat.id).values(state="OPEN", revision=1))
        there = reconciliation(engine)
        [difference] = [d for d in await there.differences(thorough=True) if d.conversation_id == chat.id]
        assert difference.kind is DifferenceKind.UNEQUAL
        assert difference.record == "OPEN at revision 1"
        assert await there.mend([difference]) == []
        await assert_record_equals_run(chat)


@pytest.mark.parametrize("resume", [True, False])
async def test_conversation_without_a_workflow_ends_or_goes_on(engine: Engine, resume: bool) -> None:
    async with engine.worker():
        chat = await assigned_chat(engine)
        await engine.client.get_workflow_handle(chat.id).terminate()
        there = reconciliation(engine)

        async def find() -> list[DifferenceKind] | None:  # the list of workflows lags behind
            return [d.kind for d in await there.differences() if d.conversation_id == chat.id] or None

        assert await eventually(find, "the difference is found") == [DifferenceKind.LOST]
        found = [d for d in await there.differences() if d.conversation_id == chat.id]
        assert await there.mend(found, resume_lost=resume) == []
        record = await find_conversation(engine.db, chat.id)
        assert record
        assert record.state is (State.ACTIVE if resume else State.CLOSED)
        if resume:
            await chat.send("goes on")
            await wait_until_idle(chat)
        await assert_record_equals_run(chat)


async def test_command_reports_mends_and_agrees(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "data")
    stack.start()
    try:
        chat = stack.connect().start_chat_contact(
            InstanceId="demo", ContactFlowId="persistent", ParticipantDetails={"DisplayName": "Ada"}
        )["ContactId"]
        assert reconcile(stack, 0) == "Temporal and the store agree.\n"
        await (await Client.connect(stack.temporal)).get_workflow_handle(chat).terminate()
        assert f"{chat}: on record as open, but no workflow runs" in reconcile(stack, 1, "--thorough")
        assert "1 difference, 1 mended." in reconcile(stack, 0, "--thorough", "--mend")
        assert reconcile(stack, 0, "--thorough") == "Temporal and the store agree.\n"
    finally:
        assert stack.stop() == 0


def test_command_makes_no_store(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "forgotten")
    reconcile(stack, 1, "--mend")
    assert not stack.folder.exists()


def reconcile(stack: Stack, code: int, *options: str) -> str:
    """Run the command beside the stack. Return its output."""
    done = subprocess.run(
        [sys.executable, "-m", "perennial", "reconcile", *options],
        cwd=ROOT,
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout
