"""Parking on the real engine: set aside by the agent, brought back by the customer's words, taken up by this agent or another."""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.contacts import EndReason
from domain.conversation import Mode, State
from domain.events import Assign, Close, Connect, Disconnect, End, Invite, Park, Release, Resume, Transfer
from domain.participants import ParticipantPresence
from domain.refusals import RefusalCode, refusal
from store import conversations
from tests.workflows.clock import forward, forward_to, rings
from tests.workflows.engine import Chat, Engine, code
from tests.workflows.test_deadlines import SEATED
from tests.workflows.test_legs import contact
from workflows.timers import Timer

JOINED, LEFT = "participant.joined", "participant.left"


async def parked(engine: Engine) -> Chat:
    """A conversation that its agent, a1, has set aside."""
    chat = await engine.start(Mode.PERSISTENT)
    await chat.do(*SEATED, Park())
    return chat


async def agent_of(chat: Chat, user: str = "a1") -> tuple[str | None, bool]:
    """How an agent's presence stands in the store, and whether they have left."""
    who = await conversations.participant_of_user(chat.engine.db, chat.id, user)
    assert who is not None
    return who.presence, who.left_at is not None


async def test_parking_releases_the_agent_and_stays_their_contact(engine: Engine) -> None:
    async with engine.working():
        chat = await parked(engine)
        state = await chat.state()
        assert (state.state, state.agent, state.contact_id) == (State.WAITING, None, chat.id)
        record = await conversations.find_conversation(engine.db, chat.id)
        assert record is not None
        assert record.state == "WAITING"
        present = await contact(chat, chat.id)
        assert (present.agent_user, present.ended_at, present.wrapped_up_at) == ("a1", None, None)
        assert await agent_of(chat) == (ParticipantPresence.CONNECTED, True)
        await chat.do(Park(by="operator"))  # once more is no news
    assert await chat.words() == [JOINED, JOINED, LEFT]
    assert (await chat.items())[-1].trigger == "parked"


async def test_only_the_customers_words_bring_it_back(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.working():
        chat = await parked(engine)
        await chat.do(Disconnect())
        await forward(environment, chat, days=7)
        await chat.do(Connect())
        await chat.say("A word from the system.", "system")
        assert (await chat.state()).state is State.WAITING
        await chat.say("It is me again.")
        state = await chat.state()
        assert (state.state, state.contact_id, state.agent) == (State.OPEN, chat.id, None)
        assert (await contact(chat, chat.id)).agent_user == "a1"


async def test_the_same_agent_resumes_the_same_contact(engine: Engine) -> None:
    async with engine.working():
        waiting, open_, assigned = [await parked(engine) for _ in range(3)]
        await open_.say("Back.")
        await assigned.say("Back.")
        await waiting.do(Resume())
        await open_.do(Resume(user="a1"))
        await assigned.do(Assign(user="a1", name="A1"))
        for chat in (waiting, open_, assigned):
            await chat.do(Connect(by="agent"))
            state = await chat.state()
            assert (state.state, state.contact_id, state.parked_by) == (State.ACTIVE, chat.id, None)
            assert state.agent is not None
            assert (state.agent.user, state.agent.name) == ("a1", "A1")
            assert await agent_of(chat) == (ParticipantPresence.CONNECTED, False)
            assert (await chat.items())[-1].contact_id == chat.id
    assert await waiting.words() == [JOINED, JOINED, LEFT, JOINED]
    assert await open_.words() == [JOINED, JOINED, LEFT, "Back.", JOINED]


async def test_another_agent_has_it_as_a_new_contact(engine: Engine) -> None:
    async with engine.working():
        chats = [await parked(engine) for _ in range(4)]
        await chats[2].say("Back.")
        await chats[3].say("Back.")
        for chat, command in zip(chats, (Assign(user="a2", name="A2"), Resume(user="a2", name="A2")) * 2, strict=True):
            await chat.do(command, Connect(by="agent"))
            state = await chat.state()
            assert (state.state, state.previous_contact_id, state.parked_by) == (State.ACTIVE, chat.id, None)
            first, second = await contact(chat, chat.id), await contact(chat, state.contact_id)
            assert (first.agent_user, first.end_reason) == ("a1", EndReason.TRANSFERRED)
            assert (second.agent_user, second.ended_at) == ("a2", None)
            assert (second.initiation_method, second.previous_contact_id) == ("TRANSFER", chat.id)
            assert (first.ended_at, first.wrapped_up_at) == (second.initiated_at, second.initiated_at)
            last = (await chat.items())[-1]
            assert (last.contact_id, first.last_seq) == (second.id, last.seq - 1)


async def test_who_left_it_parked_has_no_more_say(engine: Engine) -> None:
    async with engine.working():
        chat = await engine.start(Mode.PERSISTENT)
        await chat.do(*SEATED)
        agent = (await chat.state()).agent
        assert agent is not None
        await chat.do(Park(by=agent.id))
        for command in (Park(by=agent.id), Release(by=agent.id), End(by=agent.id)):
            assert code(await chat.ask(command)) is RefusalCode.PARTICIPANT_LEFT
        await chat.do(Disconnect(by=agent.id))  # their socket closes: no news
        accepted = {"id": "m", "content": "one more", "by": agent.id, "role": "AGENT", "name": "A1"}
        await chat.signal("message", accepted)
        await chat.signal("message", {"content": "not accepted any more", "by": agent.id})
        state = await chat.until(lambda s: s.refused_count == 4, "it is refused")
        assert (state.state, state.last_speaker) == (State.WAITING, None)
        assert (await chat.words())[-1] == "one more"
        await chat.do(Resume(by=agent.id))
        assert (await chat.state()).state is State.ACTIVE


async def test_only_agents_and_operators_park(engine: Engine) -> None:
    async with engine.working():
        chat = await engine.start(Mode.PERSISTENT)
        await chat.do(*SEATED, Invite(participant_id=f"{chat.id}-bot", name="Bee"))
        for by in ("customer", f"{chat.id}-customer", f"{chat.id}-bot"):
            for command in (Park(by=by), Release(by=by), Resume(by=by)):
                assert await chat.ask(command) == refusal(RefusalCode.AGENT_ONLY, action=command.kind)
        assert (await chat.state()).state is State.ACTIVE
        await chat.signal("park", {"by": "operator"})
        await chat.until(lambda s: s.state is State.WAITING, "it is parked by hand")
        assert await chat.ask(Resume(by="customer")) == refusal(RefusalCode.AGENT_ONLY, action="resume")
        await chat.signal("resume", {"by": "operator"})
        await chat.until(lambda s: s.state is State.ACTIVE, "it is resumed by hand")


async def test_where_there_is_nothing_to_park_or_resume(engine: Engine) -> None:
    async with engine.working():
        live, persistent = await engine.start(), await engine.start(Mode.PERSISTENT)
        for chat in (live, persistent):
            await chat.do(*SEATED)
        for command in (Park(), Resume()):
            assert code(await live.ask(command)) is RefusalCode.PERSISTENT_ONLY
        assert code(await persistent.ask(Resume())) is RefusalCode.WRONG_STATE
        await persistent.do(Park())
        for command in (Release(), Close(), Transfer(contact_id="x", queue="q"), End(by="customer")):
            assert await persistent.ask(command) is not None
        assert (await persistent.state()).state is State.WAITING
        await persistent.do(End(by="operator"))
        assert (await persistent.handle.result())["reason"] == EndReason.STOPPED
        await live.do(Release())
        for command in (Park(), Release(), Resume()):
            assert await live.ask(command) is not None
        assert (await live.state()).state is State.OPEN


@pytest.mark.parametrize("by", ["customer", "system", "operator"])
async def test_any_message_is_activity(environment: WorkflowEnvironment, engine: Engine, by: str) -> None:
    async with engine.working():
        chat = await parked(engine)
        await forward(environment, chat, days=29)
        await chat.say("Still of interest.", by)
        if by == "customer":
            await chat.do(Resume(), Park())
        state = await chat.state()
        active_at = max(state.last_message_at or state.since, state.since)
        await chat.renew()
    async with engine.working():
        state = await rings(environment, chat, Timer.WAITING, active_at + timedelta(days=30))
        assert (state.state, state.end_reason) == (State.CLOSED, EndReason.WAITED_TOO_LONG)
        assert (await chat.handle.result())["reason"] == EndReason.WAITED_TOO_LONG
    assert (await chat.words())[-2:] == [LEFT, "chat.ended"]
    ended = await contact(chat, chat.id)
    assert (ended.wrapped_up_at, ended.agent_user) == (ended.ended_at, "a1")


async def test_a_return_in_time_counts_though_the_worker_hears_of_it_late(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.working():
        chat = await parked(engine)
        due = (await chat.state()).since + timedelta(days=30)
        await forward(environment, chat, days=29)
    await forward_to(environment, chat, due + timedelta(seconds=1))
    in_time = {
        "id": "late",
        "content": "Just in time.",
        "by": "customer",
        "at": (due - timedelta(seconds=1)).isoformat(),
    }
    await chat.signal("message", in_time)
    async with engine.working():
        state = await chat.until(lambda s: s.state is not State.WAITING, "the customer has returned")
        assert (state.state, state.since) == (State.OPEN, due - timedelta(seconds=1))


async def test_who_returns_and_is_not_served_is_not_kept_for_ever(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.working():
        chat = await parked(engine)
        await chat.say("Back.")
        since = (await chat.state()).since
        state = await rings(environment, chat, Timer.OPEN_AGE, since + timedelta(days=30))
        assert (state.state, state.end_reason) == (State.CLOSED, EndReason.OPEN_TOO_LONG)
