"""Conversations that do what the second edition of the rules brought; see scenarios.py."""

from __future__ import annotations

from temporalio.testing import WorkflowEnvironment

from domain.conversation import Mode
from domain.events import Assign, Close, Connect, Disconnect, End, Park, Release, Resume
from domain.participants import Role
from tests.workflows.clock import forward, rings
from tests.workflows.engine import Chat, Engine
from tests.workflows.test_chains import AGENT, CUSTOMER
from tests.workflows.test_deadlines import AGENT_LOST, SEATED, set_timers
from tests.workflows.test_hours import CLOSES, OPENS, hours_change
from workflows.timers import Timer, next_deadline


async def parked(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """Parked, brought back by the customer, resumed, parked, taken up by another agent, parked, forgotten."""
    talk = await engine.start(Mode.PERSISTENT, id="recorded-parked")
    await talk.do(*SEATED)
    await talk.say("I will find out.", "agent")
    await talk.do(Park(), Disconnect())
    await forward(environment, talk, days=3)
    await talk.do(Connect())
    await talk.say("Any news?")
    await talk.do(Resume(), Connect(by="agent"), Park(), Assign(user="a2", name="A2"), Connect(by="agent"), Park())
    await forward(environment, talk, days=10)
    await talk.say("We have not forgotten you.", "system")
    await until_next(environment, talk, Timer.WAITING)
    await talk.handle.result()
    return talk


async def agent_lost(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """An agent who is lost and comes back in time, then too late; another one, who releases it; it grows too old."""
    talk = await engine.start(id="recorded-agent-lost")
    await talk.do(*AGENT_LOST)
    await forward(environment, talk, minutes=2)
    await talk.do(Connect(by="agent"), Disconnect(by="agent"))
    await until_next(environment, talk, Timer.AGENT_GRACE)
    await talk.do(Assign(user="a2", name="A2"), Connect(by="agent"), Release())
    await until_next(environment, talk, Timer.OPEN_AGE)
    await talk.handle.result()
    return talk


async def chains(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """A silent agent is reminded and loses the customer; that one is reminded, warned, and has the chat closed."""
    talk = await engine.start(Mode.PERSISTENT, id="recorded-chains", idle_rules=[*AGENT, *CUSTOMER])
    await talk.do(*SEATED)
    await talk.say("Hello?")
    for _ in range(2):
        await until_next(environment, talk, Timer.AGENT_SILENT)
    await talk.do(Assign(user="a2", name="A2"), Connect(by="agent"))
    await talk.say("Which version?", "agent")
    for _ in range(3):
        await until_next(environment, talk, Timer.CUSTOMER_SILENT)
    await talk.do(Close())
    await talk.handle.result()
    return talk


async def participant_timers(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """A customer who is idle, returns, is idle again, and stays behind alone."""
    talk = await engine.start(id="recorded-participant-timers")
    await talk.do(set_timers(Role.CUSTOMER, IDLE=2, DISCONNECT_NONCUSTOMER=3), *SEATED)
    await until_next(environment, talk, Timer.CUSTOMER_IDLE)
    await talk.say("Here.")
    await until_next(environment, talk, Timer.CUSTOMER_IDLE)
    await until_next(environment, talk, Timer.CUSTOMER_DISCONNECT)
    await talk.do(Close())
    await talk.handle.result()
    return talk


async def hours(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """A conversation that begins before closed doors, which open and close."""
    talk = await engine.start(Mode.PERSISTENT, id="recorded-hours", greeting="Is anybody there?", hours=True)
    await talk.do(Connect())
    await hours_change(environment, talk, OPENS[0])
    await hours_change(environment, talk, CLOSES[0])
    await talk.do(End())
    await talk.handle.result()
    return talk


async def edition(engine: Engine, _: WorkflowEnvironment) -> Chat:
    """A conversation that was started under the first edition, and is renewed."""
    talk = await engine.start(Mode.PERSISTENT, id="recorded-edition", edition=1)
    await talk.do(*SEATED)
    await talk.renew()
    await talk.do(Park())
    await talk.say("Back.")
    await talk.do(Resume(), End(by="agent"), Close())
    await talk.handle.result()
    return talk


SECOND_EDITION = {
    "parked": parked,
    "agent_lost": agent_lost,
    "chains": chains,
    "participant_timers": participant_timers,
    "hours": hours,
    "edition": edition,
}


async def until_next(environment: WorkflowEnvironment, talk: Chat, timer: Timer) -> None:
    """Goes to the next deadline, which must be that one."""
    ahead = next_deadline(await talk.state())
    assert ahead is not None
    await rings(environment, talk, timer, ahead.due)
