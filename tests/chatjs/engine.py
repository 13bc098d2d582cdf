"""Direct access to the Temporal engine of a running Perennial, for what the wire does not offer or not as fast."""

from __future__ import annotations

import asyncio

from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter

from domain.events import Configure, TimerSetting
from domain.participants import ParticipantPresence
from tests.chatjs.session import TIMEOUT_SECONDS
from tests.stack import Stack
from workflows.contract import ASK, CommandRequest, CommandResult
from workflows.conversation import Conversation

POLL_SECONDS = 0.02


async def _handle(stack: Stack, contact: str) -> WorkflowHandle[Conversation, object]:
    client = await Client.connect(stack.temporal, data_converter=pydantic_data_converter)
    return client.get_workflow_handle_for(Conversation.run, contact)


async def set_participant_timers(stack: Stack, contact: str, *timers: TimerSetting) -> None:
    """Set participant timers. They may be shorter than the wire allows."""
    handle = await _handle(stack, contact)
    command = Configure(timers=timers, by="test")
    response = await handle.execute_update(ASK, CommandRequest(command=command), result_type=CommandResult)
    assert response.refused is None


async def wait_until_customer_is_away(stack: Stack, contact: str) -> None:
    """Wait until the conversation has recorded that its customer is away."""
    handle = await _handle(stack, contact)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while (await handle.query(Conversation.status)).customer.presence is not ParticipantPresence.AWAY:
            await asyncio.sleep(POLL_SECONDS)
