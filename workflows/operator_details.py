"""The description of a conversation for operators, in the Temporal UI: Markdown, with all times in UTC.

It contains no names of people and none of their messages. It shows the mode and state, what the conversation waits for, its
agent, its latest changes, and the signals that an operator can send.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache

from domain.conversation import Mode, State
from domain.participants import ParticipantPresence, Role
from domain.policy import Policy
from workflows.idle_rules import next_idle_rule
from workflows.state import ConversationState
from workflows.state_parts import TrackedParticipant
from workflows.timers import Deadline, Timer, deadlines

SIGNALS = {
    "assign": '`{"user": "a1", "name": "Agent One"}` assigns it to an agent',
    "release": '`{"by": "kim"}` removes its agent and returns it to its queue',
    "park": '`{"by": "kim"}` parks it; the customer\'s next message returns it to its queue',
    "resume": '`{"by": "kim"}` assigns it again to the agent who parked it',
    "message": '`{"content": "..."}` sends the customer a message of the system',
    "end": '`{"by": "kim"}` ends the chat for the customer',
    "close": '`{"by": "kim"}` finishes the wrap-up',
}
"""The signals that an operator can send: for each an example of its body, and its effect."""

LIMITS = (
    *("connect_within", "reconnect_window", "agent_grace", "assigned_within"),
    *("open_age", "waiting_period", "wrap_up", "duration"),
)
"""The limits of a policy, by their keys in the configuration."""

_SIGNALS_IN_STATE = {
    State.OPEN: ("assign", "message", "end"),
    State.ACTIVE: ("message", "park", "release", "end"),
    State.WAITING: ("resume", "assign", "message", "end"),
    State.WRAP_UP: ("close",),
    State.CLOSED: (),
}


def summary(mode: str, workstream: str) -> str:
    """Describe a conversation in one line of at most 200 UTF-8 bytes."""
    return f"{mode} chat on {workstream}".encode()[:200].decode(errors="ignore")


def rules(policy: Policy) -> str:
    """The limits and idle rules of a policy, as they are when the conversation starts."""
    limits = [(name.replace("_", " "), getattr(policy, name)) for name in LIMITS]
    lines = [f"{name}: {_duration(limit)}" for name, limit in limits]
    lines += [f"{rule.silent} silent for {_duration(rule.after)}: {rule.action}" for rule in policy.idle_rules]
    lines += ["the customer can end it" if policy.customer_may_end else "only agents can end it"]
    return _list("Rules at the start; all times are UTC", lines)


def deadline_summary(deadline: Deadline) -> str:
    """Describe the deadline for which the timer is set, in at most 200 bytes. The deadline can change before the timer ends."""
    return f"checks deadlines at {_time(deadline.due)}: {deadline.timer}"


def details(state: ConversationState, runs: int) -> str:
    """The whole description of a conversation."""
    notes = (f"{_time(note.at)} {_plain(note.what)}" for note in reversed(state.change_notes))
    parts = [
        f"### {state.mode} chat: {state.state} since {_time(state.since)}",
        f"**Waiting for** {_waiting_for(state)}",
        _table(state, runs),
        _list("Timers, the next one first", (_timer(state, deadline) for deadline in deadlines(state))),
        _list("Changes, the latest first", notes),
        _refusals(state),
        _signals(state.state, state.mode),
    ]
    return "\n\n".join(part for part in parts if part)


def _waiting_for(state: ConversationState) -> str:
    match state.state:
        case State.CLOSED:
            return "its transcript file to be written." if state.unarchived else "nothing: it is closed."
        case State.WRAP_UP if state.survey_open and state.agent_done_at is None:
            return f"the customer to answer the survey, and {_owner(state)} to close the wrap-up."
        case State.WRAP_UP if state.survey_open:
            return "the customer to answer the survey."
        case State.WRAP_UP:
            return f"{_owner(state)} to close the wrap-up."
        case State.WAITING:
            return f"the customer to write again, or {_owner(state)} to resume it."
        case State.OPEN:
            return _waiting_in_queue(state)
        case State.ACTIVE:
            return _waiting_for_party(state)


def _waiting_in_queue(state: ConversationState) -> str:
    if state.queue_closed:
        until = state.hours.until if state.hours else None
        return f"queue {state.queue} to open{f', at {_time(until)}' if until else '; no time is known'}."
    if state.offer:
        return f"agent {state.offer.user} to accept it, until {_time(state.offer.until)}."
    if state.parked_by:
        return f"{_owner(state)}, who parked it, or another agent: the customer has written again."
    return f"an agent of queue {state.queue}."


def _waiting_for_party(state: ConversationState) -> str:
    assert state.agent is not None
    if state.agent.presence is ParticipantPresence.AWAY:
        return f"{_owner(state)} to come back: the connection is lost."
    if state.mode is Mode.LIVE and state.customer.presence is ParticipantPresence.AWAY:
        return "the customer to come back: the connection is lost."
    if state.agent.presence is ParticipantPresence.AWAITED:
        return f"{_owner(state)} to join."
    if state.last_speaker is Role.AGENT:
        return f"the customer to answer {_owner(state)}."
    return f"{_owner(state)} to answer."


def _table(state: ConversationState, runs: int) -> str:
    first = f", the first is `{state.id}`" if state.contact_id != state.id else ""
    rows = [
        ("agent", _agent(state)),
        ("customer", _presence(state.customer)),
        ("last message", _last_message(state)),
        ("queue", f"{state.queue}{', closed' if state.queue_closed else ''}"),
        ("workstream", f"{state.workstream} of instance {state.instance}"),
        ("contact", f"`{state.contact_id}`{first}"),
        ("started", f"{_time(state.started_at)}; run {runs}, rules version {state.rules_version}"),
    ]
    if state.end_reason and state.ended_at:
        rows.insert(0, ("ended", f"{_time(state.ended_at)}: **{state.end_reason}**"))
    return "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows)


def _last_message(state: ConversationState) -> str:
    if state.last_message_at is None:
        return "none yet"
    speaker = state.last_speaker
    by_speaker = speaker is not None and state.speech(speaker).last_message_at == state.last_message_at
    by = f" by the {speaker.lower()}" if speaker and by_speaker else ""
    return f"{_time(state.last_message_at)}{by}; the transcript has {state.seq} items"


def _agent(state: ConversationState) -> str:
    if state.agent:
        return f"**{state.agent.user}**, {_presence(state.agent)}"
    return f"none; parked by **{state.parked_by.user}**" if state.parked_by else "none"


def _owner(state: ConversationState) -> str:
    served_by = state.served_contact.agent_user if state.served_contact else None
    user = state.owner.user if state.owner else served_by
    return f"agent {user}" if user else "nobody"


def _timer(state: ConversationState, deadline: Deadline) -> str:
    role = {Timer.CUSTOMER_SILENT: Role.CUSTOMER, Timer.AGENT_SILENT: Role.AGENT}.get(deadline.timer)
    rule = next_idle_rule(state, role) if role else None
    return f"{_time(deadline.due)} {deadline.timer}" + (f": {rule.action}" if rule else "")


def _presence(participant: TrackedParticipant) -> str:
    if participant.presence is ParticipantPresence.AWAITED:
        return "not connected yet"
    return f"{participant.presence} since {_time(participant.since)}"


def _refusals(state: ConversationState) -> str:
    lines = (f"{_time(each.at)} `{_plain(each.what)}`: {_plain(each.text)}" for each in reversed(state.refusals))
    return _list(f"{state.refused_count} refused, the latest first", lines)


@cache
def _signals(state: State, mode: Mode) -> str:
    names = (name for name in _SIGNALS_IN_STATE[state] if name != "park" or mode is Mode.PERSISTENT)
    return _list("What you can do: send a signal", (f"`{name}` {SIGNALS[name]}" for name in names))


def _list(title: str, lines: Iterable[str]) -> str:
    text = "\n".join(f"- {line}" for line in lines)
    return f"**{title}**\n{text}" if text else ""


def _time(at: datetime) -> str:
    return f"{at.isoformat(' ', 'seconds')[:19]}Z"


def _duration(limit: timedelta | None) -> str:
    if limit is None:
        return "never"
    minutes, seconds = divmod(int(limit.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def _plain(text: str) -> str:
    """A text without the characters that would break the Markdown around it."""
    return text.replace("`", "'").replace("\n", " ").replace("|", "/")
