"""An API process is frozen and cut off from Temporal, while its sockets stay open. Its customers are not lost."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from domain.conversation import State
from tests.chatjs.proxy import Proxy
from tests.deployment.test_processes import Deployment, administer, deployment, frame, presence, start_chat, subscribe
from tests.stack import run_process
from workflows.conversation import Conversation

__all__ = ["deployment"]

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]

WINDOW_SECONDS = 6


async def test_customers_of_a_process_that_was_taken_for_dead_are_not_lost(deployment: Deployment) -> None:
    environment = deployment.environment
    temporal = int(environment["TEMPORAL_ADDRESS"].rpartition(":")[2])
    own, other = deployment.urls
    async with Proxy(temporal) as proxy:
        address = urlsplit(proxy.url).netloc
        with ExitStack() as processes:
            processes.enter_context(deployment.worker())
            variables = {**environment, "TEMPORAL_ADDRESS": address, "PERENNIAL_API_PORT": own.rpartition(":")[2]}
            frozen = processes.enter_context(run_process("api", deployment.folder, variables))
            processes.enter_context(deployment.api(1))
            await deployment.ready()
            workstream = {"mode": "live", "queue": "live", "reconnect_window": f"PT{WINDOW_SECONDS}S"}
            await administer(other, "PUT", "/v1/instances/demo/workstreams/live", workstream)
            chat = await start_chat(other)
            async with await subscribe(own, chat) as socket:
                await frame(socket, ContentType="application/vnd.amazonaws.connect.event.participant.joined")
                proxy.cut()
                frozen.send_signal(signal.SIGSTOP)
                await presence(deployment, chat, "away")
                frozen.send_signal(signal.SIGCONT)
                await presence(deployment, chat, "connected")
                state = await deployment.client.get_workflow_handle(chat["ContactId"]).query(Conversation.status)
                assert state.state is State.OPEN
                proxy.restore()
                await socket.ping()
