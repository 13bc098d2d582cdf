"""The texts of change notes: what operators read of a transition. They hold no names of people and nothing they wrote."""

from __future__ import annotations

from domain.conversation import State
from domain.events import AnyEvent, Assign, Resume, Transfer
from workflows.state import ConversationState
from workflows.transitions import TransitionCause


def transition_note(state: ConversationState, target: State, trigger: TransitionCause, event: AnyEvent | None) -> str:
    """Describe a transition: its trigger, the agent or queue that the event names, the sender, and the change of state.

    Args:
        state: the conversation before the transition.
        event: the cause; None when a timer caused it.
    """
    note = f"{trigger}{_target_of(event)}" + (f" by {_actor(state, event.by)}" if event else "")
    return note if target is state.state else f"{note}: {state.state} → {target}"


def _target_of(event: AnyEvent | None) -> str:
    match event:
        case Assign(user=user) | Transfer(user=str(user)) | Resume(user=str(user)):
            return f" ({user})"
        case Transfer(queue=queue):
            return f" ({queue})"
        case _:
            return ""


def _actor(state: ConversationState, by: str) -> str:
    """The sender of an event: the role of a participant, or any other name as it was given."""
    participant = state.participant(by)
    if participant is not None:
        return f"agent {participant.user}" if participant.user else f"the {participant.role.lower()}"
    return "an agent who has left" if by in state.former_participants else by
