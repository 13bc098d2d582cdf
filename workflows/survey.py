"""The post-chat survey: a contact after the agent's, in which the system asks questions and the customer answers.

Answers become attributes of the conversation. At the deadline of the survey the chat ends, also with unanswered questions.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from string import punctuation, whitespace
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


_AROUND = f"{punctuation}{whitespace}\ufe0f\u20e3"
"""What people write around an answer. The last two make a digit a keycap."""


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
    exact = state.rules_version < 3
    answer = find_answer(question, message.content_type, message.content, exact=exact)
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


def find_answer(question: SurveyQuestion, content_type: str, content: str, *, exact: bool = False) -> str | None:
    """The answer in a message; None when it matches no choice.

    A choice matches by its text, by its number from 1, or by both as the question shows them. Case, the width of characters, and
    punctuation around the answer do not matter: `1.`, `#1`, `Good.`, `1. good`.

    Args:
        question: the question.
        content_type: the content type of the message.
        content: its content.
        exact: match as version 2 of the rules does: the text in any case or the number, without anything around it.
    """
    if not question.choices:
        return content[:MAX_ANSWER_CHARACTERS]
    texts = _strings(content) if content_type in (INTERACTIVE_RESPONSE, "application/json") else [content]
    matching = _exact_choice if exact else _choice
    return next((found for text in texts if (found := matching(question.choices, text))), None)


def _exact_choice(choices: Sequence[str], text: str) -> str | None:
    plain = text.strip().casefold()
    numbered = enumerate(choices, start=1)
    return next((choice for number, choice in numbered if plain in (choice.casefold(), str(number))), None)


def _choice(choices: Sequence[str], text: str) -> str | None:
    """The only choice with this text, else the one with this number: a choice can itself be a number."""
    for simplified in (_simple, _bare):
        answer = simplified(text)
        found = [choice for choice in choices if answer and simplified(choice) == answer]
        if len(found) == 1:
            return found[0]
    numbered = enumerate(choices, start=1)
    return next(
        (choice for number, choice in numbered if _bare(text) in (str(number), _bare(f"{number}. {choice}"))), None
    )


def _simple(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _bare(text: str) -> str:
    return _simple(text).strip(_AROUND)


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
