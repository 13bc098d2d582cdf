"""For the machine an attachment is a message: who was silent has spoken, and a parked chat comes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.attachments import MAX_BYTES, Attachment, AttachmentStatus
from domain.conversation import Mode, State
from domain.events import Assign, Connect, End, Message, Messages, Park
from domain.policy import IdleAction, IdleRule
from domain.transcript import ItemType
from tests.workflows.simulated_chat import SECOND, SURVEY, SimulatedChat, new_state
from workflows.machine import decide

FILE = Attachment(id="f", name="bees.txt", content_type="text/plain", size=9)


def file(by: str = "customer", **changes: Any) -> Message:
    return Message(by=by, id="f", content=FILE.name, attachment=FILE, **changes)


def chat(mode: Mode = Mode.LIVE, **policy: Any) -> SimulatedChat:
    events = (Connect(by="customer"), Assign(user="a1", name="Ann"), Connect(by="agent"))
    return SimulatedChat(new_state(mode, **policy)).after(*events)


def test_the_item_has_the_file_and_no_content() -> None:
    before = chat()
    [item] = decide(before.state, file(), before.now).items
    assert (item.type, item.content, item.content_type) == (ItemType.ATTACHMENT, None, "text/plain")
    assert (item.attachment, item.id, item.name) == (FILE, "f", "Ada")


def test_a_repeated_file_is_recorded_once() -> None:
    before = chat().after(file())
    assert decide(before.state, file(), before.now).items == ()


def test_a_parked_chat_comes_back_with_a_file() -> None:
    parked = chat(Mode.PERSISTENT).after(Park())
    assert parked.state.state is State.WAITING
    assert parked.after(file()).state.state is State.OPEN


def test_who_sends_a_file_is_not_silent() -> None:
    rule = IdleRule(silent="customer", after=timedelta(minutes=5), action=IdleAction.CLOSE)
    asked = chat(idle_rules=(rule,)).after(Message(by="agent", content="Are you there?"))
    assert asked.at(asked.now + timedelta(minutes=6)).state.ended
    answered = asked.after(file())
    assert not answered.at(answered.now + timedelta(minutes=6)).state.ended


def test_a_file_answers_no_question_of_a_survey() -> None:
    asked = chat(survey=SURVEY).after(End(by="agent"))
    assert asked.state.survey_open
    decided = decide(asked.state, file(), asked.now + SECOND)
    assert [item.type for item in decided.items] == [ItemType.ATTACHMENT]
    assert decided.state.survey_step == asked.state.survey_step


def test_a_rejected_file_is_recorded_with_its_verdict() -> None:
    before = chat()
    message = file().with_verdict(AttachmentStatus.REJECTED, before.now + SECOND)
    [item] = decide(before.state, message, before.now + SECOND).items
    assert item.attachment == FILE.model_copy(update={"status": AttachmentStatus.REJECTED})
    assert item.at == before.now + SECOND


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": 1},
        {"size": 0},
        {"size": MAX_BYTES + 1},
        {"size": 10**30},
        {"content_type": "x" * 101},
        {"status": "IN_PROGRESS"},
        {"id": "a\0"},
    ],
)
def test_wrong_facts_do_not_enter_the_workflow(wrong: dict[str, Any]) -> None:
    body = {"content": "a", "attachment": {**FILE.model_dump(mode="json"), **wrong}}
    with pytest.raises(ValidationError):
        Messages.model_validate(body)


def test_a_name_that_cannot_be_stored_is_shown_otherwise() -> None:
    body = {"content": "a", "attachment": {**FILE.model_dump(mode="json"), "name": "a\0" + "b" * 300}}
    attachment = Messages.model_validate(body).messages[0].attachment
    assert attachment
    assert attachment.name == "a\ufffd" + "b" * 254
