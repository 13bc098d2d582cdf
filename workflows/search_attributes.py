"""The search attributes of a conversation: operators filter by them in the Temporal UI.

Temporal never encrypts search attributes, so they hold no names. `ChatCustomer` holds a hash of the customer's id.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from temporalio.common import SearchAttributeKey, SearchAttributePair, SearchAttributeUpdate, TypedSearchAttributes

from domain.conversation import ConversationOpening, State
from domain.customers import customer_hash
from workflows.rules_version import RULES_VERSION
from workflows.state import ConversationState

INSTANCE = SearchAttributeKey.for_keyword("ChatInstance")
WORKSTREAM = SearchAttributeKey.for_keyword("ChatWorkstream")
QUEUE = SearchAttributeKey.for_keyword("ChatQueue")
MODE = SearchAttributeKey.for_keyword("ChatMode")
STATE = SearchAttributeKey.for_keyword("ChatState")
AGENT = SearchAttributeKey.for_keyword("ChatAgent")
END_REASON = SearchAttributeKey.for_keyword("ChatEndReason")
CUSTOMER = SearchAttributeKey.for_keyword("ChatCustomer")
"""See `customer_hash`; absent without a `CustomerId`."""
VERSION = SearchAttributeKey.for_keyword("ChatRulesVersion")
"""The version of the rules of the present run, such as "1"; see `workflows.rules_version`."""

SINCE = SearchAttributeKey.for_datetime("ChatStateSince")
CONTACTS = SearchAttributeKey.for_keyword_list("ChatContacts")

KEYS: tuple[SearchAttributeKey[Any], ...] = (
    *(INSTANCE, WORKSTREAM, QUEUE, MODE, STATE, AGENT, END_REASON, CUSTOMER, VERSION),
    *(SINCE, CONTACTS),
)

Attributes = Mapping[SearchAttributeKey[Any], str | datetime | list[str]]
"""The search attributes of a conversation by their keys; an absent key has no value."""


def attributes(state: ConversationState) -> Attributes:
    """The search attributes of a state. `ChatAgent` of a parked conversation is the agent who parked it."""
    found: dict[SearchAttributeKey[Any], str | datetime | list[str]] = {
        INSTANCE: state.instance,
        WORKSTREAM: state.workstream,
        QUEUE: state.queue,
        MODE: state.mode.value,
        STATE: state.state.value,
        VERSION: str(state.rules_version),
        SINCE: state.since,
        CONTACTS: list(state.contact_ids),
    }
    if state.owner and state.owner.user:
        found[AGENT] = state.owner.user
    if state.end_reason:
        found[END_REASON] = state.end_reason.value
    if state.customer_id:
        found[CUSTOMER] = customer_hash(state.instance, state.customer_id)
    return found


def at_start(opening: ConversationOpening) -> TypedSearchAttributes:
    """The search attributes with which a conversation's workflow starts, before its first workflow task.

    The rules version is the one of the process that starts it. The first run corrects it if it decides another.
    """
    found: dict[SearchAttributeKey[Any], str | datetime | list[str]] = {
        INSTANCE: opening.instance,
        WORKSTREAM: opening.workstream,
        QUEUE: opening.queue,
        MODE: opening.mode.value,
        STATE: State.OPEN.value,
        VERSION: str(RULES_VERSION),
        SINCE: opening.started_at,
        CONTACTS: [opening.contact_id],
    }
    if opening.customer_id:
        found[CUSTOMER] = customer_hash(opening.instance, opening.customer_id)
    return TypedSearchAttributes([SearchAttributePair[Any](key, value) for key, value in found.items()])


def recorded(attributes: TypedSearchAttributes) -> Attributes:
    """The search attributes of a run that the server has stored."""
    return {key: attributes[key] for key in KEYS if key in attributes}


def updates(before: Attributes, now: Attributes) -> list[SearchAttributeUpdate[Any]]:
    """The updates that turn the attributes `before` into those `now`."""
    changed = [key.value_set(value) for key, value in now.items() if before.get(key) != value]
    absent = [key.value_unset() for key in before if key not in now]
    return [*changed, *absent]
