"""The search attributes of a conversation: what operators filter by in the Temporal UI. Never encrypted, so no names."""

from __future__ import annotations

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from workflows.state import ConversationState

INSTANCE = SearchAttributeKey.for_keyword("ChatInstance")
WORKSTREAM = SearchAttributeKey.for_keyword("ChatWorkstream")
QUEUE = SearchAttributeKey.for_keyword("ChatQueue")
MODE = SearchAttributeKey.for_keyword("ChatMode")
STATE = SearchAttributeKey.for_keyword("ChatState")
AGENT = SearchAttributeKey.for_keyword("ChatAgent")
END_REASON = SearchAttributeKey.for_keyword("ChatEndReason")

KEYS = (INSTANCE, WORKSTREAM, QUEUE, MODE, STATE, AGENT, END_REASON)


def attributes(state: ConversationState) -> dict[SearchAttributeKey[str], str]:
    """What a state is found by."""
    found = {
        INSTANCE: state.instance,
        WORKSTREAM: state.workstream,
        QUEUE: state.queue,
        MODE: state.mode.value,
        STATE: state.state.value,
    }
    if state.agent and state.agent.user:
        found[AGENT] = state.agent.user
    if state.end_reason:
        found[END_REASON] = state.end_reason.value
    return found


def typed(values: dict[SearchAttributeKey[str], str]) -> TypedSearchAttributes:
    """The same as Temporal's client wants it at the start of a workflow."""
    return TypedSearchAttributes([SearchAttributePair(key, value) for key, value in values.items()])
