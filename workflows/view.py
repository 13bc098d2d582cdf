"""How a conversation explains itself in the Temporal UI: Markdown, in UTC, without names or words of people."""

from __future__ import annotations

from datetime import datetime

from workflows.state import ConversationState
from workflows.timers import Deadline, next_deadline
from workflows.values import Participant, Presence, State


def summary(state: ConversationState) -> str:
    """One line, at most 200 bytes."""
    return f"{state.mode} chat on {state.workstream}"[:200]


def deadline_summary(deadline: Deadline) -> str:
    """What a timer waits for, at most 200 bytes."""
    return f"{deadline.timer}: until {_time(deadline.due)}"


def details(state: ConversationState, runs: int) -> str:
    """State, people, next deadline, what was refused, and what an operator can do."""
    deadline = next_deadline(state)
    rows = [
        ("state", f"**{state.state}** since {_time(state.since)}"),
        ("workstream", f"{state.workstream}, queue {state.queue}, instance {state.instance}"),
        ("customer", _presence(state.customer)),
        ("agent", f"{state.agent.user}: {_presence(state.agent)}" if state.agent else "nobody assigned"),
        ("next deadline", f"**{deadline.timer}** at {_time(deadline.due)}" if deadline else "none"),
        ("last item", f"no. {state.seq} at {_time(state.last_item_at)}" if state.last_item_at else "none yet"),
        ("started", f"{_time(state.started_at)}, run {runs}"),
    ]
    if state.end_reason and state.ended_at:
        rows.insert(1, ("ended", f"{_time(state.ended_at)}: {state.end_reason}"))
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"| {state.mode} chat | |\n|---|---|\n{table}\n\n{_refusals(state)}{_choices(state)}"


def _presence(who: Participant) -> str:
    if who.presence is Presence.AWAITED:
        return "not connected yet"
    return f"{who.presence} since {_time(who.since)}"


def _refusals(state: ConversationState) -> str:
    if not state.rejections:
        return ""
    lines = "\n".join(f"- {_time(r.at)} `{_plain(r.what)}`: {_plain(r.why)}" for r in state.rejections)
    return f"**{state.rejected} refused**, the latest:\n{lines}\n\n"


def _choices(state: ConversationState) -> str:
    match state.state:
        case State.CLOSED:
            return "Closed for good."
        case State.WRAP_UP:
            return 'Signal `close` finishes the wrap-up: `{"by": "your name"}`.'
        case _:
            return 'Signal `end` stops the chat: `{"by": "your name"}`. Signal `message` says something: `{"content": "..."}`.'


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z"


def _plain(text: str) -> str:
    return text.replace("`", "'").replace("\n", " ").replace("|", "/")
