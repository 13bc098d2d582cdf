"""A worked example of a change of the rules: version 8 no longer lets operators park a conversation.

It follows the steps of `workflows/rules_version.py`. The tests patch the code as version 8 would change it, and run it without
the sandbox, which would import the modules again without the patches.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker
from temporalio.workflow import NondeterminismError

from domain.conversation import Mode, State
from domain.events import AnyEvent, Park, Resume
from domain.refusals import RefusalCode
from tests import sqlite
from tests.replay.decisions import read_decisions
from tests.replay.histories import read_history, recorded
from tests.workflows.engine import Chat, Engine, eventually
from tests.workflows.random_chats import run_histories
from tests.workflows.server import time_skipping_server
from tests.workflows.test_deadlines import WITH_AGENT
from workflows.conversation import Conversation
from workflows.decision import Decision, refuse
from workflows.machine import decide
from workflows.rules_version import RULES_VERSION, decide_rules_version
from workflows.state import ConversationState

Decide = Callable[[ConversationState, AnyEvent, datetime], Decision]


def decide_version_8() -> int:
    """The decision of code that knows version 8."""
    return 8 if workflow.patched("rules-8") else decide_rules_version()


def decide_by_version(state: ConversationState, event: AnyEvent, now: datetime) -> Decision:
    """The machine of code that knows version 8: the old rule stays, behind a branch."""
    return decide_without_branch(state, event, now) if state.rules_version >= 8 else decide(state, event, now)


def decide_without_branch(state: ConversationState, event: AnyEvent, now: datetime) -> Decision:
    """The new rule for every run: the defect that replay must find."""
    if isinstance(event, Park) and event.by != "agent":
        return refuse(state, event.kind, RefusalCode.AGENT_ONLY, action=event.kind)
    return decide(state, event, now)


@contextmanager
def code_of_version_8(decide: Decide = decide_by_version) -> Generator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workflows.conversation.decide_rules_version", decide_version_8)
        patch.setattr("workflows.rounds.decide", decide)
        patch.setattr("worker.Worker", partial(Worker, workflow_runner=UnsandboxedWorkflowRunner()))
        yield


@asynccontextmanager
async def worker_of_version_8(engine: Engine) -> AsyncGenerator[None, None]:
    with code_of_version_8():
        async with engine.worker():
            yield


async def replay(history: WorkflowHistory) -> None:
    runner = UnsandboxedWorkflowRunner()
    replayer = Replayer(workflows=[Conversation], data_converter=pydantic_data_converter, workflow_runner=runner)
    await replayer.replay_workflow(history)


@pytest.fixture(scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Engine, None]:
    folder = tmp_path_factory.mktemp("rules")
    async with time_skipping_server(folder) as environment, sqlite.store(folder) as db:
        yield Engine(environment.client, db)


async def count_running(engine: Engine, workstream: str, version: int) -> int:
    """The number of running conversations of a workstream under a rules version, by the query of an operator."""
    query = f"ChatRulesVersion = '{version}' AND ExecutionStatus = 'Running' AND ChatWorkstream = '{workstream}'"
    return (await engine.client.count_workflows(query)).count


async def wait_for_counts(engine: Engine, workstream: str, *expected: int) -> None:
    """Wait until the visibility of the server shows these counts for the present version and version 8."""

    async def check() -> bool | None:
        return (
            True
            if [await count_running(engine, workstream, version) for version in (RULES_VERSION, 8)] == [*expected]
            else None
        )

    await eventually(check, f"{expected} conversations of the present version and version 8")


def parked_by_operator() -> Park:
    return Park(by="kim")


async def test_running_conversation_keeps_its_rules_until_it_is_renewed(engine: Engine) -> None:
    workstream = f"rules-{uuid4()}"

    async def start() -> Chat:
        return await engine.start(Mode.PERSISTENT, workstream=workstream)

    async with engine.worker():
        old = await start()
        await old.do(*WITH_AGENT, parked_by_operator(), Resume())
    async with worker_of_version_8(engine):  # it replays the run that the present version recorded
        await old.do(parked_by_operator(), Resume())
        assert (await old.state()).rules_version == RULES_VERSION
        new = await start()
        await new.do(*WITH_AGENT)
        assert await new.ask(parked_by_operator()) is not None
        assert (await new.state()).rules_version == 8
        await wait_for_counts(engine, workstream, 1, 1)
        await old.renew()
        assert (await old.state()).rules_version == 8
        assert await old.ask(parked_by_operator()) is not None
        await old.do(Park())
        await wait_for_counts(engine, workstream, 0, 2)
    async with worker_of_version_8(engine):  # it replays the runs of version 8
        await old.do(Resume())
        assert (await old.state()).state is State.ACTIVE
    with code_of_version_8():
        for chat, runs in ((old, 2), (new, 1)):
            found = await run_histories(chat)
            assert len(found) == runs
            for history in found:
                await replay(history)
    first, _ = await run_histories(old)
    with code_of_version_8(decide_without_branch), pytest.raises(NondeterminismError):
        await replay(first)


async def test_conversation_without_a_run_begins_under_the_version_of_its_worker(engine: Engine) -> None:
    workstream = f"rules-{uuid4()}"
    chat = await engine.start(Mode.PERSISTENT, workstream=workstream)  # by a process that does not know version 8
    await wait_for_counts(engine, workstream, 1, 0)
    async with worker_of_version_8(engine):
        await chat.do(*WITH_AGENT)
        assert (await chat.state()).rules_version == 8
        await wait_for_counts(engine, workstream, 0, 1)


@pytest.mark.parametrize("path", recorded(), ids=lambda path: path.stem)
async def test_recorded_history_keeps_its_version_under_code_of_version_8(path: Path) -> None:
    versions: set[int] = set()

    def collect_versions(state: ConversationState, event: AnyEvent, now: datetime) -> Decision:
        versions.add(state.rules_version)
        return decide_by_version(state, event, now)

    with code_of_version_8(collect_versions):
        await replay(read_history(path))
    assert versions == {read_decisions(path).final_state.rules_version}
