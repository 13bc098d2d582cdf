"""Legs on the real engine: transfers, and the survey with its deadline."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.contacts import EndReason
from domain.conversation import State
from domain.events import Invite, Leave, Transfer
from domain.policy import Survey, SurveyQuestion
from domain.refusals import RefusalCode
from store import conversations
from store.records import StoredContact
from tests.workflows.clock import forward
from tests.workflows.engine import Chat, Engine, code, eventually
from tests.workflows.test_timers import active

SURVEY = Survey(
    questions=(SurveyQuestion(key="score", text="How was it?", choices=("Good", "Bad")),), thanks="Thank you."
)


async def contact(chat: Chat, contact_id: str) -> StoredContact:
    found = await conversations.find_contact(chat.engine.db, "demo", contact_id)
    assert found is not None
    return found[0]


async def answers(chat: Chat) -> dict[str, str] | None:
    found = await conversations.find_conversation(chat.engine.db, chat.id)
    return dict(found.attributes) if found and found.attributes else None


async def surveyed(engine: Engine, survey: Survey = SURVEY, **policy: Any) -> Chat:
    """A chat whose agent has ended, so that the customer is asked."""
    chat = await active(engine, survey=survey.model_dump(), **policy)
    assert await chat.end() is None
    state = await chat.state()
    assert (state.state, state.ended, state.survey_open) == (State.WRAP_UP, False, True)
    return chat


async def test_a_transfer_by_plain_json(engine: Engine) -> None:
    async with engine.working():
        chat = await active(engine)
        await chat.signal("connect", {"by": "agent"})
        former = (await chat.state()).participants[1].id
        await chat.signal("transfer", {"contact_id": f"{chat.id}-2", "queue": "other"})
        state = await chat.until(lambda s: s.contact_id != chat.id, "it is transferred")
        assert (state.state, state.queue, state.agent) == (State.OPEN, "other", None)
        accepted = {"content": "last words", "by": former, "id": "m", "role": "AGENT", "name": "A1"}
        await chat.signal("message", accepted)
        await chat.signal("message", {"content": "not any more", "by": former})
        await chat.signal("disconnect", {"by": former})
        await chat.signal("end", {"by": former})
        state = await chat.until(lambda s: s.refused_count == 2, "two are refused")
        assert state.state is State.OPEN
        first, second = await contact(chat, chat.id), await contact(chat, f"{chat.id}-2")
        assert (first.ended_at, first.wrapped_up_at) == (second.initiated_at, second.initiated_at)
        assert (first.last_seq, second.previous_contact_id, second.queue) == (4, chat.id, "other")
    said = ["participant.joined", "participant.joined", "participant.left", "transfer.succeeded", "last words"]
    assert await chat.words() == said


async def test_two_transfers_in_one_batch_are_two_contacts(engine: Engine) -> None:
    chat = await engine.start()
    await chat.signal("assign", {"user": "a1", "name": "A1"})
    for number, user in enumerate(("a2", "a3"), start=2):
        body = {"contact_id": f"{chat.id}-{number}", "queue": "live", "user": user, "name": user}
        await chat.signal("transfer", body)
    async with engine.working():
        await chat.until(lambda s: s.contact_id == f"{chat.id}-3", "it is transferred twice")
        legs = [await contact(chat, id) for id in (chat.id, f"{chat.id}-2", f"{chat.id}-3")]
    assert [leg.agent_user for leg in legs] == ["a1", "a2", "a3"]
    assert [leg.last_seq for leg in legs] == [1, 2, None]
    assert [leg.previous_contact_id for leg in legs] == [None, chat.id, f"{chat.id}-2"]


async def test_the_survey_ends_at_its_deadline(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.working():
        chat = await surveyed(engine)
        began = (await chat.state()).survey_since
    async with engine.working():
        await forward(environment, chat, minutes=10, seconds=10)
        state = await chat.until(lambda s: s.ended, "the deadline passes")
        assert began is not None
        assert (state.state, state.ended_at) == (State.WRAP_UP, began + timedelta(minutes=10))
        assert state.end_reason is EndReason.AGENT_ENDED
        await forward(environment, chat, minutes=5, seconds=10)
        assert (await chat.handle.result())["closed_at"] is not None


async def test_an_answer_ends_the_survey_and_stands_in_the_attributes(engine: Engine) -> None:
    async with engine.working():
        chat = await surveyed(engine)
        await chat.signal("message", {"content": "so so", "by": "customer"})
        await chat.signal("message", {"content": "2", "by": "customer"})
        state = await chat.until(lambda s: s.ended, "the survey is answered")
        assert state.state is State.WRAP_UP
        assert await eventually(lambda: answers(chat), "the answers are recorded") == {"score": "Bad"}
        assert (await contact(chat, chat.id)).wrapped_up_at is None
        await chat.close()
        await chat.handle.result()
        assert (await contact(chat, chat.id)).wrapped_up_at is not None
    asked = "How was it?\n1. Good\n2. Bad"
    again = ["so so", "Please answer with one of the choices.", asked, "2", "Thank you."]
    assert await chat.words() == ["participant.joined", asked, *again, "participant.left", "chat.ended"]


async def test_the_agent_is_done_before_the_customer(engine: Engine) -> None:
    async with engine.working():
        chat = await surveyed(engine)
        assert await chat.close() is None
        assert (await chat.state()).state is State.WRAP_UP
        await chat.signal("message", {"content": "good", "by": "customer"})
        assert (await chat.handle.result())["reason"] == EndReason.AGENT_ENDED


@pytest.mark.parametrize("by", ["customer", "api:key"])
async def test_a_survey_can_be_left(engine: Engine, by: str) -> None:
    async with engine.working():
        chat = await surveyed(engine)
        assert await chat.end(by) is None
        state = await chat.until(lambda s: s.ended, "it ends")
        assert (state.state, state.end_reason) == (State.WRAP_UP, EndReason.AGENT_ENDED)


async def test_a_bot_runs_the_survey_from_outside(engine: Engine) -> None:
    async with engine.working():
        chat = await surveyed(engine, Survey())
        assert await chat.ask(Invite(participant_id=f"{chat.id}-bot", name="Bee")) is None
        await chat.signal("message", {"content": "How was it?", "by": f"{chat.id}-bot"})
        await chat.signal("message", {"content": "Good", "by": "customer"})
        assert await chat.ask(Leave(by=f"{chat.id}-bot")) is None
        assert (await chat.state()).ended
        legs = {item.contact_id for item in (await chat.items())[1:]}
        assert len(legs) == 1
        assert legs != {chat.id}


async def test_who_was_never_there_is_not_asked(engine: Engine) -> None:
    async with engine.working():
        chat = await engine.start(survey=SURVEY.model_dump())
        await chat.assign()
        assert await chat.end() is None
        assert (await chat.state()).ended


async def test_a_transfer_is_refused_where_there_is_nothing_to_transfer(engine: Engine) -> None:
    async with engine.working():
        chat = await engine.start()
        assert code(await chat.ask(Transfer(contact_id="x", queue="q"))) is RefusalCode.WRONG_STATE
        await chat.assign()
        await chat.end()
        assert code(await chat.ask(Transfer(contact_id="x", queue="q"))) is RefusalCode.CONVERSATION_ENDED
