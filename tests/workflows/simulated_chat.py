"""A conversation without an engine: the pure machine applies one event after the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.conversation import ConversationOpening, Mode
from domain.events import AnyEvent
from domain.policy import DEFAULTS, Survey, SurveyQuestion
from workflows.contract import StartConversation, initial_state
from workflows.machine import catch_up, decide
from workflows.rules_version import RULES_VERSION
from workflows.state import ConversationState

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)

SURVEY = Survey(
    questions=(
        SurveyQuestion(key="score", text="How was it?", choices=("Good", "Bad")),
        SurveyQuestion(key="why", text="Why?"),
    )
)


def new_state(mode: Mode = Mode.LIVE, **policy: Any) -> ConversationState:
    """The state of a new conversation. `policy` changes the defaults of the mode."""
    opening = ConversationOpening(
        contact_id="c",
        instance="demo",
        workstream="w",
        queue="q",
        mode=mode,
        started_at=START,
        customer_participant_id="c-customer",
        customer_name="Ada",
    )
    start = StartConversation(opening=opening, policy=DEFAULTS[mode].model_copy(update=policy))
    return initial_state(start).replace(rules_version=RULES_VERSION)


@dataclass(frozen=True)
class SimulatedChat:
    """The state of a conversation, and its clock."""

    state: ConversationState
    now: datetime = START

    def after(self, *events: AnyEvent) -> SimulatedChat:
        """Apply events, one second apart. None may be refused."""
        state, now = self.state, self.now
        for event in events:
            now += SECOND
            decision = decide(state, event, now)
            assert decision.refused is None, f"{event}: {decision.refused}"
            state = decision.state
        return SimulatedChat(state, now)

    def at(self, now: datetime) -> SimulatedChat:
        """Advance the clock to an instant. The timers up to it take effect."""
        return SimulatedChat(catch_up(self.state, now).state, now)
