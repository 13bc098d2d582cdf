"""Refusals of conversations and of routing, as errors of the API."""

from __future__ import annotations

from collections.abc import Mapping

from domain.errors import ConversationEnded, Fault, MalformedRequest, QuotaExceeded
from domain.events import Command
from domain.refusals import Refusal, RefusalCode, refusal
from engine.client import ConversationClient

_ERRORS: Mapping[RefusalCode, type[Fault]] = {RefusalCode.TOO_MANY_BOTS: QuotaExceeded}
"""Codes with their own error class. All others are a `MalformedRequest`: not possible in the current state."""


def refusal_error(refused: Refusal, subject: str) -> Fault:
    """Return the error for a refusal. Its message begins with `subject`: the member or the action that is refused."""
    return _ERRORS.get(refused.code, MalformedRequest)(f"{subject}: {refused.text}.")


async def try_command(engine: ConversationClient, conversation_id: str, command: Command) -> Refusal | None:
    """Send a command. Returns the refusal, also for an ended conversation; None if the command is done.

    Raises:
        EngineUnavailable: the engine does not answer.
    """
    try:
        return await engine.execute_command(conversation_id, command)
    except ConversationEnded:
        return refusal(RefusalCode.CONVERSATION_ENDED)


async def execute_or_raise(engine: ConversationClient, conversation_id: str, command: Command, subject: str) -> None:
    """Send a command and raise `refusal_error` if it is refused.

    Raises:
        MalformedRequest: the conversation refuses the command, or has ended.
        QuotaExceeded: it refuses because a limit is reached.
        EngineUnavailable: the engine does not answer.
    """
    refused = await try_command(engine, conversation_id, command)
    if refused:
        raise refusal_error(refused, subject)
