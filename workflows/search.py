"""The search attributes of a conversation: what operators filter by in the Temporal UI. Never encrypted, so no names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from temporalio.common import SearchAttributeKey, SearchAttributePair, SearchAttributeUpdate, TypedSearchAttributes

from workflows.contract import Opening
from workflows.state import ConversationState
from workflows.values import State

INSTANCE = SearchAttributeKey.for_keyword("ChatInstance")
WORKSTREAM = SearchAttributeKey.for_keyword("ChatWorkstream")
QUEUE = SearchAttributeKey.for_keyword("ChatQueue")
MODE = SearchAttributeKey.for_keyword("ChatMode")
STATE = SearchAttributeKey.for_keyword("ChatState")
AGENT = SearchAttributeKey.for_keyword("ChatAgent")
END_REASON = SearchAttributeKey.for_keyword("ChatEndReason")

SINCE = SearchAttributeKey.for_datetime("ChatStateSince")
CONTACTS = SearchAttributeKey.for_keyword_list("ChatContacts")

KEYS: tuple[SearchAttributeKey[Any], ...] = (
    *(INSTANCE, WORKSTREAM, QUEUE, MODE, STATE, AGENT, END_REASON),
    *(SINCE, CONTACTS),
)

Found = Mapping[SearchAttributeKey[Any], str | datetime | list[str]]
"""What a conversation is found by."""


def attributes(state: ConversationState) -> Found:
    """What a state is found by. A parked conversation is still its agent's."""
    found: dict[SearchAttributeKey[Any], str | datetime | list[str]] = {
        INSTANCE: state.instance,
        WORKSTREAM: state.workstream,
        QUEUE: state.queue,
        MODE: state.mode.value,
        STATE: state.state.value,
    }
    if state.owner and state.owner.user:
        found[AGENT] = state.owner.user
    if state.end_reason:
        found[END_REASON] = state.end_reason.value
    if state.edition >= 2:
        found[SINCE] = state.since
        found[CONTACTS] = list(state.contacts)
    return found


def at_start(opening: Opening) -> TypedSearchAttributes:
    """What a conversation is found by before its first workflow task."""
    found: Found = {
        INSTANCE: opening.instance,
        WORKSTREAM: opening.workstream,
        QUEUE: opening.queue,
        MODE: opening.mode.value,
        STATE: State.OPEN.value,
        SINCE: opening.started_at,
        CONTACTS: [opening.contact_id],
    }
    return TypedSearchAttributes([SearchAttributePair[Any](key, value) for key, value in found.items()])


def changes(shown: Found, now: Found) -> list[SearchAttributeUpdate[Any]]:
    """What must be told so that those shown become the present ones.

    One that is gone is taken away since the second edition of the rules only, which is known by its own attributes.
    """
    news = [key.value_set(value) for key, value in now.items() if shown.get(key) != value]
    gone = [key.value_unset() for key in shown if key not in now] if SINCE in now else []
    return [*news, *gone]
