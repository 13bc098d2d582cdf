"""Parking on the real engine: an agent parks a chat, the customer reopens it, the same or another agent continues it."""

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
from tests.workflows.engine import Chat, Engine, refusal_code
from tests.workflows.test_contacts import stored_contact
from tests.workflows.test_deadlines import WITH_AGENT
from tests.workflows.time_skipping import advance, advance_to, advance_to_timer
from workflows.timers import Timer

JOINED, LEFT = "participant.joined", "participant.left"


async def parked_chat(engine: Engine) -> Chat:
    """A chat that its agent, a1, has parked."""
    chat = await engine.start(Mode.PERSISTENT)
    await chat.do(*WITH_AGENT, Park())
    return chat


async def stored_agent(chat: Chat, user: str = "a1") -> tuple[str | None, bool]:
    """The stored presence of an agent, and whether they have left."""
    participant = await conversations.participant_of_user(chat.engine.db, chat.id, user)
    assert participant is not None
    return participant.presence, participant.left_at is not None


async def test_park_releases_the_agent_and_keeps_the_contact(engine: Engine) -> None:
    async with engine.worker():
        chat = await parked_chat(engine)
        state = await chat.state()
        assert (state.state, state.agent, state.contact_id) == (State.WAITING, None, chat.id)
        record = await conversations.find_conversation(engine.db, chat.id)
        assert record is not None
        assert record.state == "WAITING"
        current = await stored_contact(chat, chat.id)
        assert (current.agent_user, current.ended_at, current.wrapped_up_at) == ("a1", None, None)
        assert await stored_agent(chat) == (ParticipantPresence.CONNECTED, True)
        await chat.do(Park(by="operator"))  # parking again changes nothing
    assert await chat.contents() == [JOINED, JOINED, LEFT]
    assert (await chat.items())[-1].trigger == "parked"


async def test_only_a_customer_message_reopens_a_parked_chat(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.worker():
        chat = await parked_chat(engine)
        await chat.do(Disconnect())
        await advance(environment, chat, days=7)
        await chat.do(Connect())
        await chat.send("A system message.", "system")
        assert (await chat.state()).state is State.WAITING
        await chat.send("It is me again.")
        state = await chat.state()
        assert (state.state, state.contact_id, state.agent) == (State.OPEN, chat.id, None)
        assert (await stored_contact(chat, chat.id)).agent_user == "a1"


async def test_resume_by_the_same_agent_keeps_the_contact(engine: Engine) -> None:
    async with engine.worker():
        waiting, open_, assigned = [await parked_chat(engine) for _ in range(3)]
        await open_.send("Back.")
        await assigned.send("Back.")
        await waiting.do(Resume())
        await open_.do(Resume(user="a1"))
        await assigned.do(Assign(user="a1", name="A1"))
        for chat in (waiting, open_, assigned):
            await chat.do(Connect(by="agent"))
            state = await chat.state()
            assert (state.state, state.contact_id, state.parked_by) == (State.ACTIVE, chat.id, None)
            assert state.agent is not None
            assert (state.agent.user, state.agent.name) == ("a1", "A1")
            assert await stored_agent(chat) == (ParticipantPresence.CONNECTED, False)
            assert (await chat.items())[-1].contact_id == chat.id
    assert await waiting.contents() == [JOINED, JOINED, LEFT, JOINED]
    assert await open_.contents() == [JOINED, JOINED, LEFT, "Back.", JOINED]


async def test_another_agent_continues_a_parked_chat_as_a_new_contact(engine: Engine) -> None:
    async with engine.worker():
        chats = [await parked_chat(engine) for _ in range(4)]
        await chats[2].send("Back.")
        await chats[3].send("Back.")
        for chat, command in zip(chats, (Assign(user="a2", name="A2"), Resume(user="a2", name="A2")) * 2, strict=True):
            await chat.do(command, Connect(by="agent"))
            state = await chat.state()
            assert (state.state, state.previous_contact_id, state.parked_by) == (State.ACTIVE, chat.id, None)
            first, second = await stored_contact(chat, chat.id), await stored_contact(chat, state.contact_id)
            assert (first.agent_user, first.end_reason) == ("a1", EndReason.TRANSFERRED)
            assert (second.agent_user, second.ended_at) == ("a2", None)
            assert (second.initiation_method, second.previous_contact_id) == ("TRANSFER", chat.id)
            assert (first.ended_at, first.wrapped_up_at) == (second.initiated_at, second.initiated_at)
            last = (await chat.items())[-1]
            assert (last.contact_id, first.last_seq) == (second.id, last.seq - 1)


async def test_agent_who_parked_a_chat_can_only_resume_it(engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start(Mode.PERSISTENT)
        await chat.do(*WITH_AGENT)
        agent = (await chat.state()).agent
        assert agent is not None
        await chat.do(Park(by=agent.id))
        for command in (Park(by=agent.id), Release(by=agent.id), End(by=agent.id)):
            assert refusal_code(await chat.ask(command)) is RefusalCode.PARTICIPANT_LEFT
        await chat.do(Disconnect(by=agent.id))  # the socket of the agent closes; nothing changes
        accepted = {"id": "m", "content": "one more", "by": agent.id, "role": "AGENT", "name": "A1"}
        await chat.signal("message", accepted)
        await chat.signal("message", {"content": "not accepted any more", "by": agent.id})
        state = await chat.wait_until(lambda s: s.refused_count == 4, "the message is refused")
        assert (state.state, state.last_speaker) == (State.WAITING, None)
        assert (await chat.contents())[-1] == "one more"
        await chat.do(Resume(by=agent.id))
        assert (await chat.state()).state is State.ACTIVE


async def test_park_release_and_resume_are_refused_to_customers_and_bots(engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start(Mode.PERSISTENT)
        await chat.do(*WITH_AGENT, Invite(participant_id=f"{chat.id}-bot", name="Bee"))
        for by in ("customer", f"{chat.id}-customer", f"{chat.id}-bot"):
            for command in (Park(by=by), Release(by=by), Resume(by=by)):
                assert await chat.ask(command) == refusal(RefusalCode.AGENT_ONLY, action=command.kind)
        assert (await chat.state()).state is State.ACTIVE
        await chat.signal("park", {"by": "operator"})
        await chat.wait_until(lambda s: s.state is State.WAITING, "the operator parks the chat")
        assert await chat.ask(Resume(by="customer")) == refusal(RefusalCode.AGENT_ONLY, action="resume")
        await chat.signal("resume", {"by": "operator"})
        await chat.wait_until(lambda s: s.state is State.ACTIVE, "the operator resumes the chat")


async def test_commands_that_do_not_fit_the_state_are_refused(engine: Engine) -> None:
    async with engine.worker():
        live, persistent = await engine.start(), await engine.start(Mode.PERSISTENT)
        for chat in (live, persistent):
            await chat.do(*WITH_AGENT)
        for command in (Park(), Resume()):
            assert refusal_code(await live.ask(command)) is RefusalCode.PERSISTENT_ONLY
        assert refusal_code(await persistent.ask(Resume())) is RefusalCode.WRONG_STATE
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
async def test_any_message_restarts_the_waiting_period(
    environment: WorkflowEnvironment, engine: Engine, by: str
) -> None:
    async with engine.worker():
        chat = await parked_chat(engine)
        await advance(environment, chat, days=29)
        await chat.send("Still of interest.", by)
        if by == "customer":
            await chat.do(Resume(), Park())
        state = await chat.state()
        active_at = max(state.last_message_at or state.since, state.since)
        await chat.renew()
    async with engine.worker():
        state = await advance_to_timer(environment, chat, Timer.WAITING, active_at + timedelta(days=30))
        assert (state.state, state.end_reason) == (State.CLOSED, EndReason.WAITED_TOO_LONG)
        assert (await chat.handle.result())["reason"] == EndReason.WAITED_TOO_LONG
    assert (await chat.contents())[-2:] == [LEFT, "chat.ended"]
    ended = await stored_contact(chat, chat.id)
    assert (ended.wrapped_up_at, ended.agent_user) == (ended.ended_at, "a1")


async def test_customer_message_within_the_waiting_period_counts_when_processed_late(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker():
        chat = await parked_chat(engine)
        due = (await chat.state()).since + timedelta(days=30)
        await advance(environment, chat, days=29)
    await advance_to(environment, chat, due + timedelta(seconds=1))
    in_time = {
        "id": "late",
        "content": "Just in time.",
        "by": "customer",
        "at": (due - timedelta(seconds=1)).isoformat(),
    }
    await chat.signal("message", in_time)
    async with engine.worker():
        state = await chat.wait_until(lambda s: s.state is not State.WAITING, "the customer has returned")
        assert (state.state, state.since) == (State.OPEN, due - timedelta(seconds=1))


async def test_reopened_chat_closes_when_it_is_open_too_long(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.worker():
        chat = await parked_chat(engine)
        await chat.send("Back.")
        since = (await chat.state()).since
        state = await advance_to_timer(environment, chat, Timer.OPEN_AGE, since + timedelta(days=30))
        assert (state.state, state.end_reason) == (State.CLOSED, EndReason.OPEN_TOO_LONG)
