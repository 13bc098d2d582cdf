"""Conversations that began under the first edition of the rules: they keep it until their run is renewed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.workflows.clock import forward
from tests.workflows.engine import Engine
from tests.workflows.test_deadlines import SEATED
from workflows.contract import StartConversation
from workflows.events import Connect, Park, Resume
from workflows.values import Mode, Presence, State


@asynccontextmanager
async def working_as_before(engine: Engine) -> AsyncGenerator[None, None]:
    """A worker that knows the first edition only, as the one that was replaced did."""

    def first(_: StartConversation) -> int:
        return 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workflows.conversation._edition", first)
        # the sandbox would import the module anew, without the change
        patch.setattr("worker.Worker", partial(Worker, workflow_runner=UnsandboxedWorkflowRunner()))
        async with engine.working():
            yield


async def test_one_that_has_never_run_begins_under_the_present_edition(engine: Engine) -> None:
    chat = await engine.start(Mode.PERSISTENT, edition=1)
    async with engine.working():
        await chat.do(*SEATED, Park())
        state = await chat.state()
        assert (state.edition, state.state) == (2, State.WAITING)
    async with engine.working():  # which replays it
        await chat.do(Resume())
        assert (await chat.state()).edition == 2


async def test_one_that_runs_keeps_its_edition_until_it_is_renewed(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with working_as_before(engine):
        chat = await engine.start(Mode.PERSISTENT, edition=1)
        await chat.do(*SEATED[1:])
        assert "renew" in (await chat.ask(Park()) or "")
    async with engine.working():
        state = await chat.state()
        assert (state.edition, state.state, state.rejected) == (1, State.ACTIVE, 1)
        for name in ("park", "release", "resume", "position", "configure"):
            await chat.signal(name, {"position": 1, "timers": [{"role": "AGENT", "kind": "IDLE"}]})
        state = await chat.until(lambda s: s.rejected == 6, "all are refused")
        assert all("signal `renew`" in rejection.why for rejection in state.rejections)
        await forward(environment, chat, days=1)
        state = await chat.state()
        assert (state.state, state.customer.presence) == (State.ACTIVE, Presence.AWAITED)
        await chat.renew()
    async with engine.working():
        state = await chat.state()
        assert (state.edition, state.state, state.customer.presence) == (2, State.ACTIVE, Presence.AWAY)
        await chat.do(Connect(), Park())
        await chat.say("Back.")
        await chat.do(Resume())
        state = await chat.state()
        assert (state.state, state.contact_id, state.rejected) == (State.ACTIVE, chat.id, 6)
