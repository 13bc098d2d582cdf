"""Conversations whose histories are kept: one of each path. `python -m tests.replay.scenarios` records those that are missing.

A recorded history is never recorded again: it stands for the conversations that run in production under the code of its
day. A change that cannot replay it needs `workflow.patched`; see docs/architecture.md.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from domain.conversation import Mode
from domain.participants import ParticipantPresence
from store.database import Database
from store.migrate import migrate
from tests.replay.second_edition import SECOND_EDITION
from tests.replay.third_edition import THIRD_EDITION
from tests.workflows.engine import Chat, Engine, eventually
from tests.workflows.server import time_skipping_server
from tests.workflows.test_hours import INSTANCES

HISTORIES = Path(__file__).parent / "histories"

Scenario = Callable[[Engine, WorkflowEnvironment], Awaitable[Chat]]


async def chat(engine: Engine, _: WorkflowEnvironment) -> Chat:
    """An ordinary chat, ended by the agent and closed."""
    talk = await engine.start(greeting="hello", id="recorded-chat")
    await talk.signal("connect")
    await talk.assign()
    await talk.signal("connect", {"by": "agent"})
    await talk.signal("message", {"content": "how can I help?", "by": "agent"})
    await talk.signal("message", {"content": "it works again", "by": "customer"})
    await talk.signal("nonsense", {"a": 1})
    await talk.until(lambda s: s.seq == 5 and s.rejected == 1, "all is recorded")
    await talk.end()
    await talk.close()
    await talk.handle.result()
    return talk


async def reconnect(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """A customer who is lost and comes back within the window; the conversation goes on."""
    talk = await engine.start(id="recorded-reconnect")
    await talk.signal("connect")
    await talk.assign()
    await _lose_customer(talk)
    await _forward(environment, talk, minutes=2)
    await talk.signal("connect")
    await talk.until(lambda s: s.customer.presence is ParticipantPresence.CONNECTED, "the customer is back")
    await _forward(environment, talk, minutes=2)
    await talk.signal("message", {"content": "back", "by": "customer"})
    await talk.until(lambda s: s.seq == 2, "the message is recorded")
    return talk


async def timeout(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """A customer who does not come back: the window closes, then the wrap-up."""
    talk = await engine.start(id="recorded-timeout")
    await talk.signal("connect")
    await talk.assign()
    await _lose_customer(talk)
    await _forward(environment, talk, minutes=3, seconds=1)
    await talk.until(lambda s: s.ended, "the window closes")
    await _forward(environment, talk, minutes=15, seconds=1)
    await talk.handle.result()
    return talk


async def renewed(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """A persistent conversation over several runs, ended by its duration."""
    talk = await engine.start(Mode.PERSISTENT, id="recorded-renewed", recycle_after=40, duration=timedelta(hours=2))
    await talk.signal("connect")
    for number in range(40):
        await talk.signal("message", {"content": f"message {number}", "by": "customer"})
    await talk.until(lambda s: s.seq == 41, "all are recorded")
    await talk.assign("a2")
    await _forward(environment, talk, hours=2, seconds=1)
    await talk.until(lambda s: s.ended, "the duration is reached")
    await talk.close()
    await talk.handle.result()
    return talk


async def outage(engine: Engine, _: WorkflowEnvironment) -> Chat:
    """A store that cannot be written for a while: the write becomes an ordinary activity, and nothing is lost."""
    talk = await engine.start(id=f"recorded-outage-{uuid4()}")
    await talk.signal("connect")
    await talk.until(lambda s: s.seq == 1, "the customer has joined")
    await eventually(talk.first_item, "the first item is in the store")
    async with engine.db.engine.connect() as blocking:
        await blocking.execution_options(writes=True)
        async with blocking.begin():
            for number in range(3):
                await talk.signal("message", {"content": f"message {number}", "by": "customer"})
            await eventually(talk.pending_activity, "an ordinary activity tries to write")
    await talk.assign()
    await talk.end()
    await talk.close()
    await talk.handle.result()
    return talk


async def cancelled(engine: Engine, _: WorkflowEnvironment) -> Chat:
    """An operator asks for the workflow to be cancelled."""
    talk = await engine.start(id="recorded-cancelled")
    await talk.signal("connect")
    await talk.assign()
    await talk.handle.cancel()
    await talk.until(lambda s: s.ended, "it ends")
    await talk.close()
    await talk.handle.result()
    return talk


async def legs(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """A transfer to an agent, a bot, a survey that is answered, the files of the three contacts."""
    survey = {
        "questions": [{"key": "score", "text": "How was it?", "choices": ["Good", "Bad"]}],
        "thanks": "Thank you.",
    }
    talk = await engine.start(id=f"recorded-legs-{uuid4()}", survey=survey, archive=True)
    await talk.signal("connect")
    await talk.assign()
    await talk.signal("invite", {"participant_id": "bot", "name": "Bee"})
    await talk.signal("message", {"content": "beep", "by": "bot"})
    await talk.signal("leave", {"by": "bot"})
    await talk.signal("transfer", {"contact_id": f"{talk.id}-2", "queue": "live", "user": "a2", "name": "A2"})
    await talk.until(lambda s: s.contact_id != talk.id, "it is transferred")
    await talk.end()
    await talk.signal("message", {"content": "so so", "by": "customer"})
    await talk.until(lambda s: s.seq == 9, "it is asked again")
    await talk.signal("message", {"content": "good", "by": "customer"})
    await talk.until(lambda s: s.ended, "the survey is answered")
    await talk.close()
    await talk.handle.result()
    return talk


SCENARIOS: dict[str, Scenario] = {
    "chat": chat,
    "reconnect": reconnect,
    "timeout": timeout,
    "renewed": renewed,
    "outage": outage,
    "cancelled": cancelled,
    "legs": legs,
    **SECOND_EDITION,
    **THIRD_EDITION,
}


async def record() -> None:
    """Records the scenarios that have no history yet."""
    with TemporaryDirectory() as folder:
        async with time_skipping_server(Path(folder)) as environment:
            db = Database.open(f"sqlite:///{folder}/store.db")
            await migrate(db)
            engine = Engine(environment.client, db)
            for name, scenario in SCENARIOS.items():
                if any(HISTORIES.glob(f"{name}-*.json")):
                    continue
                async with engine.working(instances=INSTANCES):
                    talk = await scenario(engine, environment)
                for number, run in enumerate(await _runs(engine, talk), start=1):
                    text = json.dumps(json.loads((await run.fetch_history()).to_json()), indent=1)
                    (HISTORIES / f"{name}-{number}.json").write_text(text + "\n")
                    sys.stdout.write(f"recorded {name}-{number}\n")
            await db.close()


async def _runs(engine: Engine, talk: Chat) -> list[WorkflowHandle[object, object]]:
    await talk.runs()
    found = [run async for run in engine.client.list_workflows(f"WorkflowId = '{talk.id}'")]
    found.sort(key=lambda run: run.start_time)
    return [engine.client.get_workflow_handle(talk.id, run_id=run.run_id) for run in found]


async def _lose_customer(talk: Chat) -> None:
    await talk.signal("disconnect")
    await talk.until(lambda s: s.customer.presence is ParticipantPresence.AWAY, "the loss is noticed")


async def _forward(environment: WorkflowEnvironment, talk: Chat, **time: float) -> None:
    await environment.fast_forward(environment.client.get_workflow_handle(talk.id), timedelta(**time))


if __name__ == "__main__":
    asyncio.run(record())
