"""The conversations whose histories are recorded, one for each path through the rules; see record.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import text
from temporalio.testing import WorkflowEnvironment

from domain.conversation import Mode, State
from domain.events import (
    AcceptOffer,
    Assign,
    Barge,
    Close,
    Connect,
    Disconnect,
    End,
    Leave,
    Park,
    RejectOffer,
    Release,
    Resume,
    Transfer,
)
from domain.participants import ParticipantPresence, Role
from store import connections
from tests.workflows.engine import Chat, Engine, eventually
from tests.workflows.test_deadlines import AGENT_LOST, WITH_AGENT, set_timers
from tests.workflows.test_hours import CLOSES, OPENS, advance_to_hours_change
from tests.workflows.test_idle_rules import AGENT, CUSTOMER
from tests.workflows.time_skipping import advance, advance_to_timer, current_time
from workflows.rounds import ROUND_ENTRIES
from workflows.timers import Timer, next_deadline

Scenario = Callable[[Engine, WorkflowEnvironment], Awaitable[Chat]]


async def chat(engine: Engine, _: WorkflowEnvironment) -> Chat:
    """A live chat of a known customer: a refused command, a malformed signal, ended by the agent and closed."""
    chat = await engine.start(greeting="hello", id="recorded-chat", customer_id="c-17")
    await chat.signal("connect")
    await chat.assign()
    await chat.signal("connect", {"by": "agent"})
    assert await chat.ask(Park()) is not None
    await chat.signal("message", {"content": "how can I help?", "by": "agent"})
    await chat.signal("message", {"content": "it works again", "by": "customer"})
    await chat.signal("nonsense", {"a": 1})
    await chat.wait_until(lambda s: s.seq == 5 and s.refused_count == 2, "everything is recorded")
    await chat.end()
    await chat.close()
    await chat.handle.result()
    return chat


async def reconnect(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """A customer disconnects and comes back within the reconnect window; the conversation goes on."""
    chat = await engine.start(id="recorded-reconnect")
    await chat.signal("connect")
    await chat.assign()
    await _disconnect_customer(chat)
    await advance(environment, chat, minutes=2)
    await chat.signal("connect")
    await chat.wait_until(lambda s: s.customer.presence is ParticipantPresence.CONNECTED, "the customer is back")
    await advance(environment, chat, minutes=2)
    await chat.signal("message", {"content": "back", "by": "customer"})
    await chat.wait_until(lambda s: s.seq == 2, "the message is recorded")
    return chat


async def timeout(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """A customer does not come back: the reconnect window closes, then the wrap-up."""
    chat = await engine.start(id="recorded-timeout")
    await chat.signal("connect")
    await chat.assign()
    await _disconnect_customer(chat)
    await advance(environment, chat, minutes=3, seconds=1)
    await chat.wait_until(lambda s: s.ended, "the window closes")
    await advance(environment, chat, minutes=15, seconds=1)
    await chat.handle.result()
    return chat


async def renewed(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """A persistent conversation over several runs, ended by its duration."""
    chat = await engine.start(Mode.PERSISTENT, id="recorded-renewed", recycle_after=40, duration=timedelta(hours=2))
    await chat.signal("connect")
    for number in range(40):
        await chat.signal("message", {"content": f"message {number}", "by": "customer"})
    await chat.wait_until(lambda s: s.seq == 41, "all messages are recorded")
    await chat.assign("a2")
    await advance(environment, chat, hours=2, seconds=1)
    await chat.wait_until(lambda s: s.ended, "the duration is reached")
    await chat.close()
    await chat.handle.result()
    return chat


async def renewed_after_work(engine: Engine, _: WorkflowEnvironment) -> Chat:
    """A conversation over several runs, the last one by the signal `renew`, under version 2 of the rules."""
    chat = await engine.start(Mode.PERSISTENT, id="recorded-renewed-after-work", recycle_after=40)
    await chat.do(*WITH_AGENT)
    for number in range(60):
        await chat.signal("message", {"content": f"message {number}", "by": "customer"})
    await chat.wait_until(lambda s: s.seq == 62, "all messages are recorded")
    await chat.renew()
    await chat.do(End(by="agent"), Close())
    await chat.handle.result()
    return chat


async def renewed_by_signal(engine: Engine, _: WorkflowEnvironment) -> Chat:
    """A persistent conversation that the signal `renew` makes continue as new."""
    chat = await engine.start(Mode.PERSISTENT, id="recorded-renewed-by-signal", customer_id="c-18")
    await chat.do(*WITH_AGENT)
    await chat.renew()
    await chat.do(Park())
    await chat.send("Back.")
    await chat.do(Resume(), End(by="agent"), Close())
    await chat.handle.result()
    return chat


async def survey_answers(engine: Engine, _: WorkflowEnvironment) -> Chat:
    """A survey with an answer that is not understood, and one with punctuation, under version 3 of the rules."""
    survey = {"questions": [{"key": "score", "text": "How was it?", "choices": ["Good", "Bad"]}]}
    chat = await engine.start(id="recorded-survey-answers", survey=survey)
    await chat.do(*WITH_AGENT, End(by="agent"))
    await chat.send("so so")
    await chat.send("2.")
    await chat.wait_until(lambda s: s.ended, "the survey is answered")
    await chat.do(Close())
    await chat.handle.result()
    return chat


async def many_repeats(engine: Engine, _: WorkflowEnvironment) -> Chat:
    """A signal with more repeats of a message than one round decides on, under version 5 of the rules."""
    chat = await engine.start(id="recorded-many-repeats")
    await chat.do(*WITH_AGENT)
    repeat = {"id": "recorded-repeat", "content": "x", "by": "customer"}
    await chat.signal("message", {"messages": [repeat] * (ROUND_ENTRIES + 10)})
    await chat.send("the last")
    await chat.do(End(by="agent"), Close())
    await chat.handle.result()
    return chat


async def early_timer(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """A timer of a state that is over ends, and the loop sets the next one, under version 6 of the rules."""
    chat = await engine.start(Mode.PERSISTENT, id="recorded-early-timer", waiting_period=timedelta(days=1))
    await chat.do(Connect(), Assign(user="a1", name="A1"), Park(by="kim"))
    await advance(environment, chat, hours=1)
    await chat.do(Resume(by="kim", user="a2", name="A2"), Connect(by="agent"), Park(by="agent"))
    await _until_next(environment, chat, Timer.WAITING)
    await chat.handle.result()
    return chat


async def late_connects(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """The customer and the agent are back when their limits end, but no report says so, under version 4 of the rules."""
    chat = await engine.start(id=f"recorded-late-connects-{uuid4()}", reconnect_window=timedelta(minutes=1))
    await chat.do(*WITH_AGENT)
    await _disconnect_customer(chat)
    await chat.do(Disconnect(by="agent"))
    state = await chat.state()
    assert state.agent
    for participant in (state.customer, state.agent):
        await connections.add_connection(engine.db, participant.id, chat.id, "an API process")
    await _until_next(environment, chat, Timer.RECONNECT)
    await _until_next(environment, chat, Timer.AGENT_GRACE)
    await chat.do(End(by="agent"), Close())
    await chat.handle.result()
    return chat


async def assigned_to_absent_agents(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """Agents are assigned, by hand and by a transfer, and never come, under version 4 of the rules."""
    chat = await engine.start(Mode.PERSISTENT, id=f"recorded-assigned-{uuid4()}")
    await chat.do(Connect(), Assign(user="a1", name="A1"))
    await _until_next(environment, chat, Timer.ASSIGNED)
    await chat.do(Transfer(by="kim", queue="persistent", user="a2", name="A2"))
    await _until_next(environment, chat, Timer.ASSIGNED)
    await chat.do(Assign(user="a1", name="A1"), Connect(by="agent"), End(by="agent"), Close())
    await chat.handle.result()
    return chat


async def outage(engine: Engine, _: WorkflowEnvironment) -> Chat:
    """The store cannot be written for a while: the write becomes a regular activity, and nothing is lost."""
    chat = await engine.start(id=f"recorded-outage-{uuid4()}")
    await chat.signal("connect")
    await chat.wait_until(lambda s: s.seq == 1, "the customer has joined")
    await eventually(chat.first_item, "the first item is in the store")
    async with engine.db.write() as transaction:
        if engine.db.is_postgres:  # on SQLite a write transaction excludes all others
            await transaction.execute(text("LOCK TABLE checkpoints IN EXCLUSIVE MODE"))
        for number in range(3):
            await chat.signal("message", {"content": f"message {number}", "by": "customer"})
        await eventually(chat.pending_activity, "a regular activity tries to write")
    await chat.assign()
    await chat.end()
    await chat.close()
    await chat.handle.result()
    return chat


async def cancelled(engine: Engine, _: WorkflowEnvironment) -> Chat:
    """An operator requests the cancellation of the workflow."""
    chat = await engine.start(id="recorded-cancelled")
    await chat.signal("connect")
    await chat.assign()
    await chat.handle.cancel()
    await chat.wait_until(lambda s: s.ended, "the chat ends")
    await chat.close()
    await chat.handle.result()
    return chat


async def contacts(engine: Engine, _: WorkflowEnvironment) -> Chat:
    """A transfer to an agent, a bot, a survey with answers, and the files of the three contacts."""
    survey = {
        "questions": [{"key": "score", "text": "How was it?", "choices": ["Good", "Bad"]}],
        "thanks": "Thank you.",
    }
    chat = await engine.start(id=f"recorded-contacts-{uuid4()}", survey=survey, archive=True)
    await chat.signal("connect")
    await chat.assign()
    await chat.signal("invite", {"participant_id": "bot", "name": "Bee"})
    await chat.signal("message", {"content": "beep", "by": "bot"})
    await chat.signal("leave", {"by": "bot"})
    await chat.signal("transfer", {"contact_id": f"{chat.id}-2", "queue": "live", "user": "a2", "name": "A2"})
    await chat.wait_until(lambda s: s.contact_id != chat.id, "the chat is transferred")
    await chat.end()
    await chat.signal("message", {"content": "so so", "by": "customer"})
    await chat.wait_until(lambda s: s.seq == 9, "the question is repeated")
    await chat.signal("message", {"content": "good", "by": "customer"})
    await chat.wait_until(lambda s: s.ended, "the survey is answered")
    await chat.close()
    await chat.handle.result()
    return chat


async def parked(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """Parked, returned by the customer, resumed, parked, assigned to another agent, parked, and closed by its waiting period."""
    chat = await engine.start(Mode.PERSISTENT, id="recorded-parked")
    await chat.do(*WITH_AGENT)
    await chat.send("I will find out.", "agent")
    await chat.do(Park(), Disconnect())
    await advance(environment, chat, days=3)
    await chat.do(Connect())
    await chat.send("Any news?")
    await chat.do(Resume(), Connect(by="agent"), Park(), Assign(user="a2", name="A2"), Connect(by="agent"), Park())
    await advance(environment, chat, days=10)
    await chat.send("We have not forgotten you.", "system")
    await _until_next(environment, chat, Timer.WAITING)
    await chat.handle.result()
    return chat


async def agent_lost(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """An agent comes back in time, then too late; another agent releases the chat; it stays open too long."""
    chat = await engine.start(id="recorded-agent-lost")
    await chat.do(*AGENT_LOST)
    await advance(environment, chat, minutes=2)
    await chat.do(Connect(by="agent"), Disconnect(by="agent"))
    await _until_next(environment, chat, Timer.AGENT_GRACE)
    await chat.do(Assign(user="a2", name="A2"), Connect(by="agent"), Release())
    await _until_next(environment, chat, Timer.OPEN_AGE)
    await chat.handle.result()
    return chat


async def idle_rules(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """A silent agent is reminded and loses the customer; a silent customer is reminded, warned, and the chat is closed."""
    chat = await engine.start(Mode.PERSISTENT, id="recorded-idle-rules", idle_rules=[*AGENT, *CUSTOMER])
    await chat.do(*WITH_AGENT)
    await chat.send("Hello?")
    for _ in range(2):
        await _until_next(environment, chat, Timer.AGENT_SILENT)
    await chat.do(Assign(user="a2", name="A2"), Connect(by="agent"))
    await chat.send("Which version?", "agent")
    for _ in range(3):
        await _until_next(environment, chat, Timer.CUSTOMER_SILENT)
    await chat.do(Close())
    await chat.handle.result()
    return chat


async def participant_timers(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """A customer is idle, returns, is idle again, and the others are disconnected."""
    chat = await engine.start(id="recorded-participant-timers")
    await chat.do(set_timers(Role.CUSTOMER, IDLE=2, DISCONNECT_NONCUSTOMER=3), *WITH_AGENT)
    await _until_next(environment, chat, Timer.CUSTOMER_IDLE)
    await chat.send("Here.")
    await _until_next(environment, chat, Timer.CUSTOMER_IDLE)
    await _until_next(environment, chat, Timer.CUSTOMER_DISCONNECT)
    await chat.do(Close())
    await chat.handle.result()
    return chat


async def hours(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """A conversation begins in a closed queue, which opens and closes."""
    chat = await engine.start(Mode.PERSISTENT, id="recorded-hours", greeting="Is anybody there?", hours=True)
    await chat.do(Connect())
    await advance_to_hours_change(environment, chat, OPENS[0])
    await advance_to_hours_change(environment, chat, CLOSES[0])
    await chat.do(End())
    await chat.handle.result()
    return chat


async def offered(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """Offers: rejected, missed, withdrawn, accepted by an agent who disconnects, and accepted by the same agent again."""
    chat = await engine.start(id="recorded-offered", greeting="Is anybody there?")
    await chat.do(Connect())
    await _offer(environment, chat, "a1")
    await chat.do(RejectOffer(offer_id="offer-a1", by="a1"))
    await _offer(environment, chat, "a2")
    await _until_next(environment, chat, Timer.OFFER)
    await _offer(environment, chat, "a3")
    await chat.signal("withdraw", {"offer_id": "offer-a3"})
    await chat.wait_until(lambda s: s.offer is None, "the offer is withdrawn")
    await _offer(environment, chat, "a4")
    await chat.do(AcceptOffer(offer_id="offer-a4", by="a4"), Connect(by="agent"), Disconnect(by="agent"))
    await _until_next(environment, chat, Timer.AGENT_GRACE)
    await _offer(environment, chat, "a4", "again")
    await chat.do(AcceptOffer(offer_id="again", by="a4"), Connect(by="agent"), End(by="agent"), Close())
    await chat.handle.result()
    return chat


async def returning(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """Accepted automatically for an agent who never connects, then for an agent who parks the chat and resumes it."""
    chat = await engine.start(
        Mode.PERSISTENT, id="recorded-returning", auto_accept=True, wrap_up_holds=timedelta(hours=1)
    )
    await chat.do(Connect())
    await _offer(environment, chat, "a1")
    await chat.wait_until(lambda s: s.state is State.ACTIVE, "the offer is accepted")
    await _until_next(environment, chat, Timer.AGENT_GRACE)
    await _offer(environment, chat, "a2")
    await chat.do(Connect(by="agent"), Park())
    await chat.send("Any news?")
    await chat.renew()
    await chat.do(Resume(), Connect(by="agent"), End(by="agent"), Close())
    await chat.handle.result()
    return chat


async def reconfigured(engine: Engine, _: WorkflowEnvironment) -> Chat:
    """Started with another policy than its workstream has now. It adopts the current policy."""
    chat = await engine.start(id="recorded-reconfigured", workstream="live", hours=True, open_age=timedelta(hours=3))
    await chat.wait_until(lambda s: s.policy.open_age == timedelta(minutes=20), "it adopts the current policy")
    await chat.do(Connect(), End())
    await chat.handle.result()
    return chat


async def supervised(engine: Engine, _: WorkflowEnvironment) -> Chat:
    """A supervisor joins, leaves, and joins again until the contact ends, then the next one, under version 7 of the rules."""
    chat = await engine.start(id=f"recorded-supervised-{uuid4()}")
    supervisor = f"{chat.id}-supervisor"
    joins = Barge(participant_id=supervisor, contact_id=chat.id, user="s1", name="S1")
    await chat.do(*WITH_AGENT, joins)
    await chat.send("May I?", supervisor)
    await chat.do(Leave(by=supervisor), joins, Transfer(contact_id=f"{chat.id}-2", queue="live", user="a2", name="A2"))
    await chat.do(joins.model_copy(update={"contact_id": f"{chat.id}-2"}), End(by="agent"), Close())
    await chat.handle.result()
    return chat


_LIVE = (
    *(chat, reconnect, timeout, outage, cancelled, contacts, agent_lost, participant_timers, offered, reconfigured),
    *(survey_answers, late_connects, many_repeats, supervised),
)
_PERSISTENT = (
    *(renewed, renewed_after_work, renewed_by_signal, parked, idle_rules, hours, returning),
    *(assigned_to_absent_agents, early_timer),
)
SCENARIOS: dict[str, Scenario] = {scenario.__name__: scenario for scenario in (*_LIVE, *_PERSISTENT)}


async def _disconnect_customer(chat: Chat) -> None:
    await chat.signal("disconnect")
    await chat.wait_until(lambda s: s.customer.presence is ParticipantPresence.AWAY, "the customer is away")


async def _until_next(environment: WorkflowEnvironment, chat: Chat, timer: Timer) -> None:
    """Advance the clock to the next deadline, which must be the one of this timer."""
    deadline = next_deadline(await chat.state())
    assert deadline is not None
    await advance_to_timer(environment, chat, timer, deadline.due)


async def _offer(environment: WorkflowEnvironment, chat: Chat, user: str, id: str | None = None) -> None:
    id, until = id or f"offer-{user}", await current_time(environment, chat) + timedelta(minutes=2)
    await chat.signal("offer", {"offer_id": id, "user": user, "name": user.upper(), "until": until.isoformat()})
    await chat.wait_until(lambda s: s.offer is not None or s.state is State.ACTIVE, f"{user} has the offer")
