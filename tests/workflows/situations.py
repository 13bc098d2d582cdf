"""The situations in which something can happen to a conversation, each reached by real events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.conversation import Mode
from domain.events import AnyEvent, Assign, Close, Connect, End, Invite, Message, Park, Transfer
from tests.workflows.story import SURVEY, Story, fresh
from workflows.state import ConversationState

BOTH = ("open", "active", "asking", "wrap-up", "survey", "last", "closed")
"""`asking`: active, with a survey to come. `last`: the agent is done, only the survey is still open."""

PARKED = ("waiting", "back")
"""Of the persistent mode alone. `back`: parked, then the customer wrote."""

SITUATIONS = [(mode, name) for mode in Mode for name in (*BOTH, *PARKED) if name in BOTH or mode is Mode.PERSISTENT]

_OPEN = (
    Invite(participant_id="b", name="Bot"),
    Assign(user="a0", name="Before"),
    Connect(by="agent"),
    Message(by="agent", content="Hello", id="said"),
    Transfer(contact_id="t", queue="q"),
)
_ACTIVE = (*_OPEN, Assign(user="a1", name="Now"), Connect(by="agent"), Message(by="agent", content="Hello"))

_EVENTS: dict[str, tuple[AnyEvent, ...]] = {
    "open": _OPEN,
    "active": _ACTIVE,
    "asking": _ACTIVE,
    "waiting": (*_ACTIVE, Park()),
    "back": (*_ACTIVE, Park(), Message(by="customer", content="Hello?")),
    "wrap-up": (*_ACTIVE, End(by="agent")),
    "survey": (*_ACTIVE, End(by="agent")),
    "last": (*_ACTIVE, End(by="agent"), Close()),
    "closed": (*_ACTIVE, End(by="agent"), Close()),
}

_STANDS = {
    "open": "OPEN",
    "active": "ACTIVE",
    "asking": "ACTIVE",
    "waiting": "WAITING",
    "back": "OPEN",
    "wrap-up": "WRAP_UP",
    "survey": "SURVEY",
    "last": "SURVEY",
    "closed": "CLOSED",
}


def reach(
    mode: Mode,
    name: str,
    *,
    first: Sequence[AnyEvent] = (Connect(by="customer"),),
    **policy: Any,
) -> Story:
    """A conversation in this situation: a bot takes part, an agent has left, the present one is there and spoke last."""
    surveyed = name in ("asking", "survey", "last")
    policy = {"survey": SURVEY, **policy} if surveyed else {**policy, "survey": None}
    story = Story(fresh(mode, **policy)).then(*first, *_EVENTS[name])
    assert stands(story.state) == _STANDS[name]
    return story


def stands(state: ConversationState) -> str:
    """Where it stands, in a word: its state, or SURVEY for a wrap-up with an open one."""
    return "SURVEY" if state.survey_open else state.state
