"""The post-chat survey as it happens: the system asks, the customer's messages are answers."""

from __future__ import annotations

from workflows.decision import Decision, system_says
from workflows.events import Message
from workflows.state import ConversationState
from workflows.survey import answer, asked

TRIGGER = "survey"


def ask(state: ConversationState) -> Decision:
    """The present question."""
    assert state.policy.survey is not None
    assert state.survey_step is not None
    question = state.policy.survey.questions[state.survey_step]
    content_type, content = asked(question, interactive=state.policy.interactive)
    return system_says(state, content, TRIGGER, content_type)


def reply(state: ConversationState, message: Message) -> Decision:
    """What follows an answer: the next question, the same again after none, or thanks when there is no more to ask."""
    survey, step = state.policy.survey, state.survey_step
    assert survey is not None
    assert step is not None
    question = survey.questions[step]
    given = answer(question, message.content_type, message.content)
    if given is None:
        # with its choices: quick replies vanish once one has typed something else
        return system_says(state, survey.not_a_choice, TRIGGER).then(ask)
    state = state.but(unrecorded_answers=(*state.unrecorded_answers, (question.key, given)), survey_step=step + 1)
    if not state.answered:
        return ask(state)
    return system_says(state, survey.thanks, TRIGGER) if survey.thanks else Decision(state)
