"""Messages that arrive while a run continues as new: none is lost, and none waits long."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest
from temporalio.client import Client, Interceptor, OutboundInterceptor, SignalWorkflowInput
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from domain.conversation import Mode
from domain.events import Message
from engine.client import ConversationClient
from runtime.settings import Settings
from runtime.temporal import connect
from tests.workflows.engine import Chat, Engine, eventually
from tests.workflows.late_writes import (
    Interceptions,
    first_history,
    intercepted_worker,
    next_run,
    queried_while_writing,
    result_came_later,
)
from tests.workflows.test_reconnect_window import active_chat
from tests.workflows.time_skipping import advance, current_time
from workflows.rounds import COMMIT_ITEMS
from workflows.run_length import QUIET_SHARE


class Interruption:
    """Sends a message in the first task that continues as new, so that the server repeats the task."""

    content = "while it continues as new"

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._loop = asyncio.get_running_loop()
        self.sent = False

    def __call__(self) -> None:
        """Send the message and wait until the server has it. Called in the thread of the workflow."""
        if not self.sent:
            self.sent = True
            body = {"content": self.content, "by": "customer"}
            asyncio.run_coroutine_threadsafe(self._chat.signal("message", body), self._loop).result()


@pytest.mark.parametrize(
    ("waiting", "recycle_after"),
    [
        pytest.param(1, 0, id="after the late write"),
        pytest.param(1, 1, id="after the next write"),
        pytest.param(COMMIT_ITEMS + 1, 1, id="after a write of what the late write left"),
    ],
)
async def test_message_is_recorded_that_arrives_while_a_run_continues_as_new(
    engine: Engine, waiting: int, recycle_after: int
) -> None:
    """The result of a write came late. In the replay of the repeated task it is early, which may not end the run too early."""

    async def find() -> bool | None:
        async with engine.worker():
            active = await active_chat(engine)
            state = await active.state()
        inbox = [Message(by="customer", id=f"{active.id}-{number}", content=str(number)) for number in range(waiting)]
        chat = await next_run(engine, state, *inbox, recycle_after=recycle_after)
        async with queried_while_writing(engine, chat, Interruption(chat)):
            await chat.send("before it continues as new")

            async def check() -> bool | None:
                return True if Interruption.content in await chat.contents() else None

            await eventually(check, "the message that arrived while the run continued as new is recorded")
        return result_came_later(await first_history(chat)) or None

    await eventually(find, "a write ends while a query is answered", seconds=60)


async def test_long_run_continues_as_new_early_in_a_quiet_moment(
    engine: Engine, environment: WorkflowEnvironment
) -> None:
    async def send(chat: Chat, at: datetime) -> None:
        seq = (await chat.state()).seq
        await chat.signal("message", {"content": "hello", "by": "customer", "at": at.isoformat()})
        await chat.wait_until(lambda s: s.seq > seq, "the message is recorded")

    async with engine.worker():
        chat = await engine.start(Mode.PERSISTENT, recycle_after=QUIET_SHARE * 100)
        busy = await current_time(environment, chat)
        for _ in range(15):
            await send(chat, busy)
        assert await chat.runs() == 1
        await advance(environment, chat, seconds=2)
        await send(chat, await current_time(environment, chat))

        async def check() -> bool | None:
            return True if await chat.runs() == 2 else None

        await eventually(check, "it continues as new")


class Refusals(Interceptor):
    """Notes that Temporal has refused a signal."""

    def __init__(self) -> None:
        self.seen = asyncio.Event()

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        """See `Interceptor`."""
        seen = self.seen

        class Outbound(OutboundInterceptor):
            async def signal_workflow(self, input: SignalWorkflowInput) -> None:
                try:
                    await super().signal_workflow(input)
                except RPCError as error:
                    if error.status is RPCStatusCode.RESOURCE_EXHAUSTED:
                        seen.set()
                    raise

        return Outbound(next)


async def test_message_that_temporal_refuses_while_a_run_continues_as_new_is_sent_again(engine: Engine) -> None:
    """After a first attempt to continue as new, the server refuses signals until the repeated task is done."""
    port = int(engine.client.service_client.config.target_host.rpartition(":")[2])
    config, refusals = (await connect(Settings(temporal_port=port), retries=False)).config(), Refusals()
    config["interceptors"] = [refusals]
    client = ConversationClient(Client(**config), Settings())
    loop, sending = asyncio.get_running_loop(), list[asyncio.Task[None]]()
    async with engine.worker():
        chat = await active_chat(engine)
    repeats_task = Interruption(chat)

    async def send_until_refused() -> None:
        sending.append(asyncio.create_task(client.send_message(chat.id, Message(by="customer", content="refused"))))
        await refusals.seen.wait()

    def before_continuing() -> None:
        if not repeats_task.sent:
            repeats_task()
        elif not sending:
            asyncio.run_coroutine_threadsafe(send_until_refused(), loop).result(timeout=10)

    async with intercepted_worker(engine, Interceptions(before_continuing=before_continuing)):
        await chat.renew()
        await sending[0]

        async def check() -> bool | None:
            return True if "refused" in await chat.contents() else None

        await eventually(check, "the message is recorded")
