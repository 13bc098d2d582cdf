"""The engine behind a running Perennial: what no operation of the wire can ask of it, or not as fast."""

from __future__ import annotations

import asyncio

from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter

from tests.chatjs.driver import SECONDS
from tests.stack import Stack
from workflows.contract import ASK, Answer, Ask
from workflows.conversation import Conversation
from workflows.events import Configure, TimerSetting
from workflows.values import Presence

LOOK_SECONDS = 0.02


async def _handle(stack: Stack, contact: str) -> WorkflowHandle[Conversation, object]:
    client = await Client.connect(stack.temporal, data_converter=pydantic_data_converter)
    return client.get_workflow_handle_for(Conversation.run, contact)


async def configure(stack: Stack, contact: str, *timers: TimerSetting) -> None:
    """Sets participant timers, also such as are over sooner than the wire allows."""
    handle = await _handle(stack, contact)
    command = Configure(timers=timers, by="test")
    answer = await handle.execute_update(ASK, Ask(command=command), result_type=Answer)
    assert answer.refused is None


async def customer_is_away(stack: Stack, contact: str) -> None:
    """Waits until a conversation knows that its customer is gone."""
    handle = await _handle(stack, contact)
    async with asyncio.timeout(SECONDS):
        while (await handle.query(Conversation.status)).customer.presence is not Presence.AWAY:
            await asyncio.sleep(LOOK_SECONDS)
