"""The post-chat survey: a contact after the agent's, in which the system asks questions and the customer answers.

Answers become attributes of the conversation. At the deadline of the survey the chat ends, also with unanswered questions.
"""

from __future__ import annotations

import json
from typing import Any

from domain.events import Message
from domain.policy import SurveyQuestion
from domain.transcript import INTERACTIVE, INTERACTIVE_RESPONSE
from workflows.decision import Decision, system_message
from workflows.state import ConversationState

TRIGGER = "survey"
"""The trigger of the survey's messages in the transcript."""

MAX_ANSWER_CHARACTERS = 1_000
"""A longer answer is cut to this length for the attribute, in characters; the transcript has the whole answer."""


def ask_question(state: ConversationState) -> Decision:
    """Send the present question."""
    assert state.policy.survey is not None
    assert state.survey_step is not None
    question = state.policy.survey.questions[state.survey_step]
    content_type, content = question_content(question, interactive=state.policy.interactive)
    return system_message(state, content, TRIGGER, content_type)


def record_answer(state: ConversationState, message: Message) -> Decision:
    """Take a message as the answer to the present question, and send the next question, or thanks after the last one.

    A message that matches no choice gets the text `not_a_choice` of the survey, and the question again.
    """
    survey, step = state.policy.survey, state.survey_step
    assert survey is not None
    assert step is not None
    question = survey.questions[step]
    answer = find_answer(question, message.content_type, message.content)
    if answer is None:
        # with its choices: clients hide quick replies once the customer has typed a message
        return system_message(state, survey.not_a_choice, TRIGGER).then(ask_question)
    answers = (*state.unrecorded_answers, (question.key, answer))
    state = state.replace(unrecorded_answers=answers, survey_step=step + 1)
    if not state.survey_answered:
        return ask_question(state)
    return system_message(state, survey.thanks, TRIGGER) if survey.thanks else Decision(state)


def question_content(question: SurveyQuestion, *, interactive: bool) -> tuple[str, str]:
    """Content type and content of a question: quick replies for an interactive client, else text with numbered choices."""
    if not question.choices:
        return "text/plain", question.text
    if not interactive:
        numbered = (f"{number}. {choice}" for number, choice in enumerate(question.choices, start=1))
        return "text/plain", "\n".join((question.text, *numbered))
    elements = [{"title": choice} for choice in question.choices]
    content = {"title": question.text, "elements": elements}
    template = {"templateType": "QuickReply", "version": "1.0", "data": {"content": content}}
    return INTERACTIVE, json.dumps(template, ensure_ascii=False)


def find_answer(question: SurveyQuestion, content_type: str, content: str) -> str | None:
    """The answer in a message; None when it matches no choice. A choice matches by its text, in any case, or by its number."""
    if not question.choices:
        return content[:MAX_ANSWER_CHARACTERS]
    texts = _strings(content) if content_type in (INTERACTIVE_RESPONSE, "application/json") else [content]
    for text in texts:
        plain = text.strip().casefold()
        for number, choice in enumerate(question.choices, start=1):
            if plain in (choice.casefold(), str(number)):
                return choice
    return None


def _strings(content: str) -> list[str]:
    """Every string in a JSON document, because templates put the chosen element in different places."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return [content]
    found: list[str] = []
    pending: list[Any] = [document]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            pending.extend(value.values())  # pyright: ignore[reportUnknownMemberType]
        elif isinstance(value, list):
            pending.extend(value)  # pyright: ignore[reportUnknownArgumentType]
    return found
