"""A query that is answered while a write of the conversation ends: the history must replay all the same."""

from __future__ import annotations

from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from domain.events import Disconnect
from domain.participants import ParticipantPresence
from tests.workflows.engine import Engine, eventually
from tests.workflows.late_writes import first_history, next_run, queried_while_writing, result_came_later
from tests.workflows.test_reconnect_window import active_chat
from workflows.conversation import Conversation


async def test_history_replays_though_a_query_was_answered_while_a_write_ended(engine: Engine) -> None:
    async with engine.worker():
        state = await (await active_chat(engine)).state()

    async def find() -> WorkflowHistory | None:
        chat = await next_run(engine, state, Disconnect(by="customer"))
        async with queried_while_writing(engine, chat):
            await chat.wait_until(lambda s: s.customer.presence is ParticipantPresence.AWAY, "the loss is noticed")
        history = await first_history(chat)
        return history if result_came_later(history) else None

    history = await eventually(find, "a write ends while a query is answered")
    replayer = Replayer(workflows=[Conversation], data_converter=pydantic_data_converter)
    await replayer.replay_workflow(history)
