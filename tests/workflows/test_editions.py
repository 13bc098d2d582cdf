"""Conversations that began under an earlier edition of the rules: they keep it until their run is renewed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from domain.conversation import Mode, State
from domain.events import AcceptOffer, Assign, Connect, Park, Release, Resume
from domain.participants import ParticipantPresence
from tests.routing.routing_records import routing_row
from tests.workflows.clock import forward
from tests.workflows.engine import Chat, Engine
from tests.workflows.players import histories
from tests.workflows.test_deadlines import SEATED
from workflows.contract import StartConversation
from workflows.conversation import Conversation
from workflows.state import EDITION

Edition = Callable[[StartConversation], int]

INSTANCES: dict[str, Any] = {
    "demo": {"workstreams": {"persistent": {"mode": "persistent", "queue": "persistent", "open_age": "P2D"}}}
}


def first(_: StartConversation) -> int:
    """What a worker of the first edition knew."""
    return 1


def second(start: StartConversation) -> int:
    """What a worker of the second edition knew."""
    return 2 if start.edition >= 2 or workflow.patched("second edition") else 1


@asynccontextmanager
async def working_as_before(engine: Engine, edition: Edition) -> AsyncGenerator[None, None]:
    """A worker that knows no later edition, as the one that was replaced did."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workflows.conversation._edition", edition)
        # the sandbox would import the module anew, without the change
        patch.setattr("worker.Worker", partial(Worker, workflow_runner=UnsandboxedWorkflowRunner()))
        async with engine.working(instances=INSTANCES):
            yield


async def offered(chat: Chat, user: str) -> None:
    """The board offers it to an agent."""
    until = datetime.now(UTC) + timedelta(days=9)
    await chat.signal("offer", {"offer_id": f"to-{user}", "user": user, "name": user, "until": until.isoformat()})


async def runs(chat: Chat) -> list[WorkflowHistory]:
    """The histories of its runs, each of which replays under the present code."""
    found = await histories(chat)
    for history in found:
        await Replayer(workflows=[Conversation], data_converter=pydantic_data_converter).replay_workflow(history)
    return found


async def test_one_that_has_never_run_begins_under_the_present_edition(engine: Engine) -> None:
    chat = await engine.start(Mode.PERSISTENT, edition=1)
    async with engine.working():
        await chat.do(*SEATED, Park())
        state = await chat.state()
        assert (state.edition, state.state) == (EDITION, State.WAITING)
    async with engine.working():  # which replays it
        await chat.do(Resume())
        assert (await chat.state()).edition == EDITION


async def test_one_that_runs_keeps_its_edition_until_it_is_renewed(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with working_as_before(engine, first):
        chat = await engine.start(Mode.PERSISTENT, edition=1)
        await chat.do(*SEATED[1:])
        assert "renew" in (await chat.ask(Park()) or "")
    async with engine.working():
        state = await chat.state()
        assert (state.edition, state.state, state.rejected) == (1, State.ACTIVE, 1)
        for name in ("park", "release", "resume", "position", "configure"):
            await chat.signal(name, {"position": 1, "timers": [{"role": "AGENT", "kind": "IDLE"}]})
        await offered(chat, "a2")
        state = await chat.until(lambda s: s.rejected == 7, "all are refused")
        assert all("signal `renew`" in rejection.why for rejection in state.rejections)
        await forward(environment, chat, days=1)
        state = await chat.state()
        assert (state.state, state.customer.presence) == (State.ACTIVE, ParticipantPresence.AWAITED)
        await chat.renew()
    async with engine.working():
        state = await chat.state()
        assert (state.edition, state.state, state.customer.presence) == (EDITION, State.ACTIVE, ParticipantPresence.AWAY)
        await chat.do(Connect(), Park())
        await chat.say("Back.")
        await chat.do(Resume())
        state = await chat.state()
        assert (state.state, state.contact_id, state.rejected) == (State.ACTIVE, chat.id, 7)
        assert len(await runs(chat)) == 2


@pytest.mark.parametrize("started_under", [1, 2, 3])
async def test_one_of_the_second_edition_has_no_place_on_the_board_until_it_is_renewed(
    engine: Engine, started_under: int
) -> None:
    async with working_as_before(engine, second):
        chat = await engine.start(Mode.PERSISTENT, workstream="persistent", edition=started_under)
        await chat.do(*SEATED, Park())
        await chat.say("Back.")
        assert (await chat.state()).edition == 2
    async with engine.working(instances=INSTANCES):
        await chat.do(Resume(), Release())
        await offered(chat, "a2")
        state = await chat.until(lambda s: s.rejected == 1, "the offer is refused")
        assert "signal `renew`" in state.rejections[0].why
        assert (state.edition, state.state, state.offer) == (2, State.OPEN, None)
        assert state.policy.open_age == timedelta(days=30)
        assert await routing_row(engine.db, chat.id) is None
        assert len(await runs(chat)) == 1
        await chat.renew()
        state = await chat.until(lambda s: s.policy.open_age == timedelta(days=2), "it takes the workstream's policy")
        assert (state.edition, state.state) == (EDITION, State.OPEN)
        row = await routing_row(engine.db, chat.id)
        assert row
        assert (row.stage, row.queue, row.agent) == ("queued", "persistent", None)
        await offered(chat, "a2")
        await chat.until(lambda s: s.offer is not None, "the offer stands")
    async with engine.working(instances=INSTANCES):  # which replays it
        await chat.do(AcceptOffer(offer_id="to-a2", by="a2"), Connect(by="agent"), Release(), Assign(user="a3", name="A3"))
        row = await routing_row(engine.db, chat.id)
        assert row
        assert (row.stage, row.agent) == ("working", "a3")
        assert len(await runs(chat)) == 2
