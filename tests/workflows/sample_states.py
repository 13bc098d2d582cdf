"""Sample states: one conversation in each state, reached by real events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.conversation import Mode
from domain.events import AnyEvent, Assign, Close, Connect, End, Invite, Message, Park, Transfer
from tests.workflows.simulated_chat import SURVEY, SimulatedChat, new_state
from workflows.state import ConversationState

BOTH_MODES = ("open", "active", "surveyed", "wrap-up", "survey", "asked", "closed")
"""Samples of both modes. `surveyed`: active, with a survey to come. `asked`: the agent has closed, only the survey is open."""

PERSISTENT_ONLY = ("waiting", "returned")
"""Samples of the persistent mode. `returned`: parked, then the customer wrote."""

SAMPLE_STATES = [
    (mode, name)
    for mode in Mode
    for name in (*BOTH_MODES, *PERSISTENT_ONLY)
    if name in BOTH_MODES or mode is Mode.PERSISTENT
]

_OPEN = (
    Invite(participant_id="b", name="Bot"),
    Assign(user="a0", name="Before"),
    Connect(by="agent"),
    Message(by="agent", content="Hello", id="sent"),
    Transfer(contact_id="t", queue="q"),
)
_ACTIVE = (*_OPEN, Assign(user="a1", name="Now"), Connect(by="agent"), Message(by="agent", content="Hello"))

_EVENTS: dict[str, tuple[AnyEvent, ...]] = {
    "open": _OPEN,
    "active": _ACTIVE,
    "surveyed": _ACTIVE,
    "waiting": (*_ACTIVE, Park()),
    "returned": (*_ACTIVE, Park(), Message(by="customer", content="Hello?")),
    "wrap-up": (*_ACTIVE, End(by="agent")),
    "survey": (*_ACTIVE, End(by="agent")),
    "asked": (*_ACTIVE, End(by="agent"), Close()),
    "closed": (*_ACTIVE, End(by="agent"), Close()),
}

_STATE_NAMES = {
    "open": "OPEN",
    "active": "ACTIVE",
    "surveyed": "ACTIVE",
    "waiting": "WAITING",
    "returned": "OPEN",
    "wrap-up": "WRAP_UP",
    "survey": "SURVEY",
    "asked": "SURVEY",
    "closed": "CLOSED",
}


def sample_chat(
    mode: Mode,
    name: str,
    *,
    first_events: Sequence[AnyEvent] = (Connect(by="customer"),),
    **policy: Any,
) -> SimulatedChat:
    """A conversation in this sample state. A bot takes part, a former agent has left, and the current agent spoke last."""
    has_survey = name in ("surveyed", "survey", "asked")
    policy = {"survey": SURVEY, **policy} if has_survey else {**policy, "survey": None}
    chat = SimulatedChat(new_state(mode, **policy)).after(*first_events, *_EVENTS[name])
    assert state_name(chat.state) == _STATE_NAMES[name]
    return chat


def state_name(state: ConversationState) -> str:
    """The name of the state; SURVEY for a wrap-up whose survey is open."""
    return "SURVEY" if state.survey_open else state.state
