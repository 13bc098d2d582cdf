"""A conversation without an engine: what happens to it, one thing after the other, through the pure machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.conversation import ConversationOpening, Mode
from domain.events import AnyEvent
from domain.policy import DEFAULTS, Survey, SurveyQuestion
from workflows.contract import StartConversation, initial_state
from workflows.machine import catch_up, decide
from workflows.state import ConversationState

START = datetime(2026, 1, 1, tzinfo=UTC)
MOMENT = timedelta(seconds=1)

SURVEY = Survey(
    questions=(
        SurveyQuestion(key="score", text="How was it?", choices=("Good", "Bad")),
        SurveyQuestion(key="why", text="Why?"),
    )
)


def fresh(mode: Mode = Mode.LIVE, **policy: Any) -> ConversationState:
    """A conversation that has just begun; `policy` changes the mode's defaults."""
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
    return initial_state(start)


@dataclass(frozen=True)
class Story:
    """A conversation and its clock."""

    state: ConversationState
    now: datetime = START

    def then(self, *events: AnyEvent) -> Story:
        """This story gone on by some events, a moment apart, none of which is refused."""
        state, now = self.state, self.now
        for event in events:
            now += MOMENT
            decision = decide(state, event, now)
            assert decision.refused is None, f"{event}: {decision.refused}"
            state = decision.state
        return Story(state, now)

    def at(self, now: datetime) -> Story:
        """This story at a later instant, with all that its timers brought about until then."""
        return Story(catch_up(self.state, now).state, now)
