"""The post-chat survey: a contact of its own after the agent has ended, in which the system asks and the customer answers.

Answers become attributes of the conversation. A deadline ends it, and with it the chat, whatever is still open.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from workflows.values import Name, Value

INTERACTIVE = "application/vnd.amazonaws.connect.message.interactive"
INTERACTIVE_RESPONSE = "application/vnd.amazonaws.connect.message.interactive.response"

MAX_ANSWER = 1_000
"""Longest answer that is kept as an attribute, in characters; the transcript has the whole."""


class Question(Value):
    """What is asked. With `choices` only one of them is an answer; without, anything is."""

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
    text: Annotated[str, Field(min_length=1, max_length=1_000)]
    choices: tuple[Name, ...] = ()


class Survey(Value):
    """The questions of a workstream, in their order, and how long the customer has for all of them.

    Without questions a bot asks from outside: it joins the contact, and the survey is over when it leaves.
    """

    questions: Annotated[tuple[Question, ...], Field(max_length=20)] = ()
    deadline: timedelta = timedelta(minutes=10)
    not_a_choice: str = "Please answer with one of the choices."
    thanks: str | None = None


def asked(question: Question, *, interactive: bool) -> tuple[str, str]:
    """Content type and content of a question: quick replies for clients that can show them, else text with numbers."""
    if not question.choices:
        return "text/plain", question.text
    if not interactive:
        numbered = (f"{number}. {choice}" for number, choice in enumerate(question.choices, start=1))
        return "text/plain", "\n".join((question.text, *numbered))
    elements = [{"title": choice} for choice in question.choices]
    content = {"title": question.text, "elements": elements}
    reply = {"templateType": "QuickReply", "version": "1.0", "data": {"content": content}}
    return INTERACTIVE, json.dumps(reply, ensure_ascii=False)


def answer(question: Question, content_type: str, content: str) -> str | None:
    """The answer that a message gives, or None when it is none of the choices. Choices may be named, or numbered from 1."""
    if not question.choices:
        return content[:MAX_ANSWER]
    said = _strings(content) if content_type in (INTERACTIVE_RESPONSE, "application/json") else [content]
    for text in said:
        plain = text.strip().casefold()
        for number, choice in enumerate(question.choices, start=1):
            if plain in (choice.casefold(), str(number)):
                return choice
    return None


def _strings(content: str) -> list[str]:
    """Every text in a JSON document: templates name the chosen element in different places."""
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
