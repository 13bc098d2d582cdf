"""Contacts on the real engine: transfers, and the survey with its deadline."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.contacts import EndReason
from domain.conversation import Mode, State
from domain.events import Close, End, Invite, Leave, Park, Transfer
from domain.policy import Survey, SurveyQuestion
from domain.refusals import RefusalCode
from store import conversations
from store.records import StoredContact
from tests.workflows.engine import Chat, Engine, eventually, refusal_code
from tests.workflows.test_deadlines import WITH_AGENT
from tests.workflows.test_reconnect_window import active_chat
from tests.workflows.time_skipping import advance

SURVEY = Survey(
    questions=(SurveyQuestion(key="score", text="How was it?", choices=("Good", "Bad")),), thanks="Thank you."
)


async def stored_contact(chat: Chat, contact_id: str) -> StoredContact:
    found = await conversations.find_contact(chat.engine.db, "demo", contact_id)
    assert found is not None
    return found[0]


async def stored_answers(chat: Chat) -> dict[str, str] | None:
    found = await conversations.find_conversation(chat.engine.db, chat.id)
    return dict(found.attributes) if found and found.attributes else None


async def chat_in_survey(engine: Engine, survey: Survey = SURVEY, **policy: Any) -> Chat:
    """A chat that its agent has ended, with an open survey."""
    chat = await active_chat(engine, survey=survey.model_dump(), **policy)
    assert await chat.end() is None
    state = await chat.state()
    assert (state.state, state.ended, state.survey_open) == (State.WRAP_UP, False, True)
    return chat


async def test_transfer_signal_in_plain_json_starts_a_new_contact(engine: Engine) -> None:
    async with engine.worker():
        chat = await active_chat(engine)
        await chat.signal("connect", {"by": "agent"})
        former_agent = (await chat.state()).participants[1].id
        await chat.signal("transfer", {"contact_id": f"{chat.id}-2", "queue": "other"})
        state = await chat.wait_until(lambda s: s.contact_id != chat.id, "the chat is transferred")
        assert (state.state, state.queue, state.agent) == (State.OPEN, "other", None)
        accepted = {"content": "last words", "by": former_agent, "id": "m", "role": "AGENT", "name": "A1"}
        await chat.signal("message", accepted)
        await chat.signal("message", {"content": "not any more", "by": former_agent})
        await chat.signal("disconnect", {"by": former_agent})
        await chat.signal("end", {"by": former_agent})
        state = await chat.wait_until(lambda s: s.refused_count == 2, "two signals are refused")
        assert state.state is State.OPEN
        first, second = await stored_contact(chat, chat.id), await stored_contact(chat, f"{chat.id}-2")
        assert (first.ended_at, first.wrapped_up_at) == (second.initiated_at, second.initiated_at)
        assert (first.last_seq, second.previous_contact_id, second.queue) == (4, chat.id, "other")
    expected = ["participant.joined", "participant.joined", "participant.left", "transfer.succeeded", "last words"]
    assert await chat.contents() == expected


async def test_two_transfers_in_one_batch_create_two_contacts(engine: Engine) -> None:
    chat = await engine.start()
    await chat.signal("assign", {"user": "a1", "name": "A1"})
    for number, user in enumerate(("a2", "a3"), start=2):
        body = {"contact_id": f"{chat.id}-{number}", "queue": "live", "user": user, "name": user}
        await chat.signal("transfer", body)
    async with engine.worker():
        await chat.wait_until(lambda s: s.contact_id == f"{chat.id}-3", "the chat is transferred twice")
        contacts = [await stored_contact(chat, id) for id in (chat.id, f"{chat.id}-2", f"{chat.id}-3")]
    assert [contact.agent_user for contact in contacts] == ["a1", "a2", "a3"]
    assert [contact.last_seq for contact in contacts] == [1, 2, None]
    assert [contact.previous_contact_id for contact in contacts] == [None, chat.id, f"{chat.id}-2"]


async def test_survey_ends_at_its_deadline(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.worker():
        chat = await chat_in_survey(engine)
        survey_since = (await chat.state()).survey_since
    async with engine.worker():
        await advance(environment, chat, minutes=10, seconds=10)
        state = await chat.wait_until(lambda s: s.ended, "the deadline passes")
        assert survey_since is not None
        assert (state.state, state.ended_at) == (State.WRAP_UP, survey_since + timedelta(minutes=10))
        assert state.end_reason is EndReason.AGENT_ENDED
        await advance(environment, chat, minutes=5, seconds=10)
        assert (await chat.handle.result())["closed_at"] is not None


async def test_survey_answer_ends_the_survey_and_is_stored_in_the_attributes(engine: Engine) -> None:
    async with engine.worker():
        chat = await chat_in_survey(engine)
        await chat.signal("message", {"content": "so so", "by": "customer"})
        await chat.signal("message", {"content": "2", "by": "customer"})
        state = await chat.wait_until(lambda s: s.ended, "the survey is answered")
        assert state.state is State.WRAP_UP
        assert await eventually(lambda: stored_answers(chat), "the answers are recorded") == {"score": "Bad"}
        assert (await stored_contact(chat, chat.id)).wrapped_up_at is None
        await chat.close()
        await chat.handle.result()
        assert (await stored_contact(chat, chat.id)).wrapped_up_at is not None
    question = "How was it?\n1. Good\n2. Bad"
    repeated = ["so so", "Please answer with one of the choices.", question, "2", "Thank you."]
    assert await chat.contents() == ["participant.joined", question, *repeated, "participant.left", "chat.ended"]


async def test_chat_closes_with_the_survey_when_the_agent_has_closed_the_wrap_up(engine: Engine) -> None:
    async with engine.worker():
        chat = await chat_in_survey(engine)
        assert await chat.close() is None
        assert (await chat.state()).state is State.WRAP_UP
        await chat.signal("message", {"content": "good", "by": "customer"})
        assert (await chat.handle.result())["reason"] == EndReason.AGENT_ENDED


@pytest.mark.parametrize("by", ["customer", "api:key"])
async def test_end_command_ends_the_survey(engine: Engine, by: str) -> None:
    async with engine.worker():
        chat = await chat_in_survey(engine)
        assert await chat.end(by) is None
        state = await chat.wait_until(lambda s: s.ended, "the chat ends")
        assert (state.state, state.end_reason) == (State.WRAP_UP, EndReason.AGENT_ENDED)


async def test_invited_bot_runs_the_survey(engine: Engine) -> None:
    async with engine.worker():
        chat = await chat_in_survey(engine, Survey())
        assert await chat.ask(Invite(participant_id=f"{chat.id}-bot", name="Bee")) is None
        await chat.signal("message", {"content": "How was it?", "by": f"{chat.id}-bot"})
        await chat.signal("message", {"content": "Good", "by": "customer"})
        assert await chat.ask(Leave(by=f"{chat.id}-bot")) is None
        assert (await chat.state()).ended
        contacts = {item.contact_id for item in (await chat.items())[1:]}
        assert len(contacts) == 1
        assert contacts != {chat.id}


async def test_survey_is_skipped_for_a_customer_who_never_connected(engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start(survey=SURVEY.model_dump())
        await chat.assign()
        assert await chat.end() is None
        assert (await chat.state()).ended


async def test_transfer_of_an_ended_chat_is_refused(engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start()
        await chat.assign()
        await chat.end()
        assert refusal_code(await chat.ask(Transfer(contact_id="x", queue="q"))) is RefusalCode.CONVERSATION_ENDED


async def test_waiting_chat_moves_to_another_queue_and_keeps_its_wait(engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start()
        before = await chat.state()
        await chat.signal("offer", {"offer_id": "o1", "user": "a1", "name": "A1", "until": "2100-01-01T00:00:00Z"})
        await chat.wait_until(lambda s: s.offer is not None, "the offer")
        await chat.do(Transfer(contact_id=f"{chat.id}-2", queue="other", by="kim"))
        state = await chat.state()
        assert (state.state, state.queue, state.contact_id, state.offer) == (State.OPEN, "other", f"{chat.id}-2", None)
        assert state.since == before.since
        await chat.do(Transfer(contact_id=f"{chat.id}-3", queue="other", user="a2", name="A2", by="kim"))
        state = await chat.state()
        assert (state.state, state.agent and state.agent.user) == (State.ACTIVE, "a2")
        await chat.do(End(by="agent"), Close())


async def test_owner_of_a_parked_chat_transfers_it_while_it_waits(engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start(Mode.PERSISTENT)
        await chat.do(*WITH_AGENT)
        agent = (await chat.state()).agent
        assert agent is not None
        await chat.do(Park())
        await chat.send("Back.")
        await chat.do(Transfer(contact_id=f"{chat.id}-2", queue="other", by=agent.id))
        state = await chat.state()
        assert (state.state, state.queue, state.parked_by) == (State.OPEN, "other", None)
        assert await chat.ask(Transfer(contact_id=f"{chat.id}-3", queue="third", by=agent.id)) is not None
