"""The post-chat survey: a contact of its own after the agent has ended, in which the system asks and the customer answers.

Answers become attributes of the conversation. A deadline ends it, and with it the chat, whatever is still open.
"""

from __future__ import annotations

import json
from typing import Any

INTERACTIVE = "application/vnd.amazonaws.connect.message.interactive"
INTERACTIVE_RESPONSE = "application/vnd.amazonaws.connect.message.interactive.response"

MAX_ANSWER = 1_000
"""Longest answer that is kept as an attribute, in characters; the transcript has the whole."""


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
