"""How a conversation explains itself in the Temporal UI: Markdown, in UTC, without names or words of people.

It answers what somebody asks who opens it at night: what is this, what is it waiting for, who has it, what happened
last, what can I do?
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from workflows.policy import Policy
from workflows.silence import next_rule
from workflows.state import ConversationState
from workflows.timers import Deadline, Timer, deadlines
from workflows.values import Mode, Participant, Presence, Role, State

CHOICES = {
    "assign": '`{"user": "a1", "name": "Agent One"}` gives it to an agent',
    "release": '`{"by": "kim"}` takes it from its agent and puts it back into the queue',
    "park": '`{"by": "kim"}` sets it aside; the customer\'s next message brings it back',
    "resume": '`{"by": "kim"}` gives it back to the agent who parked it',
    "message": '`{"content": "..."}` says something to the customer, as the system',
    "end": '`{"by": "kim"}` ends it for the customer',
    "close": '`{"by": "kim"}` finishes the wrap-up',
}
"""The signals that help an operator, each with a body and what it does."""

LIMITS = ("connect_within", "reconnect_window", "agent_grace", "open_age", "waiting_period", "wrap_up", "duration")
"""The limits of a policy, by their keys."""

_OFFERED = {
    State.OPEN: ("assign", "message", "end"),
    State.ACTIVE: ("message", "park", "release", "end"),
    State.WAITING: ("resume", "assign", "message", "end"),
    State.WRAP_UP: ("close",),
    State.CLOSED: (),
}


def summary(mode: str, workstream: str) -> str:
    """One line, at most 200 bytes."""
    return f"{mode} chat on {workstream}".encode()[:200].decode(errors="ignore")


def rules(policy: Policy) -> str:
    """By what rules a conversation goes: its limits and its idle rules, as they were when it started."""
    limits = [(name.replace("_", " "), getattr(policy, name)) for name in LIMITS]
    shown = [f"{name}: {_span(limit)}" for name, limit in limits]
    shown += [f"{rule.silent} silent for {_span(rule.after)}: {rule.action}" for rule in policy.idle_rules]
    shown += ["the customer may end it" if policy.customer_may_end else "only agents may end it"]
    return _list("Its rules; all times are UTC", iter(shown))


def deadline_summary(deadline: Deadline) -> str:
    """What a timer was set for, at most 200 bytes. By then it may have become needless: a timer that is too early may ring."""
    return f"looks again at {_time(deadline.due)}: {deadline.timer}"


def details(state: ConversationState, runs: int) -> str:
    """Everything that an operator wants to know, as far as the conversation knows it."""
    parts = [
        f"### {state.mode} chat: {state.state} since {_time(state.since)}",
        f"**Waiting for** {_awaits(state)}",
        _table(state, runs),
        _list("Timers, the next one first", (_timer(state, deadline) for deadline in deadlines(state))),
        _list("What happened, the latest first", (f"{_time(n.at)} {_plain(n.what)}" for n in reversed(state.notes))),
        _refusals(state),
        _choices(state),
    ]
    return "\n\n".join(part for part in parts if part)


def _awaits(state: ConversationState) -> str:
    match state.state:
        case State.CLOSED:
            return "the transcript's file to be written, then nothing." if state.unarchived else "nothing: it is over."
        case State.WRAP_UP if state.surveying and state.agent_done_at is None:
            return f"the customer to answer the survey, and {_owner(state)} to close the wrap-up."
        case State.WRAP_UP if state.surveying:
            return "the customer to answer the survey."
        case State.WRAP_UP:
            return f"{_owner(state)} to close the wrap-up."
        case State.WAITING:
            return f"the customer to write again, or {_owner(state)} to take it up."
        case State.OPEN if state.closed_queue:
            until = state.hours.until if state.hours else None
            return f"queue {state.queue} to open{f', at {_time(until)}' if until else '; it says no time'}."
        case State.OPEN if state.offer:
            return f"agent {state.offer.user} to accept it, until {_time(state.offer.until)}."
        case State.OPEN if state.parked_by:
            return f"{_owner(state)}, who parked it, or another agent: the customer has written again."
        case State.OPEN:
            return f"an agent of queue {state.queue}."
        case State.ACTIVE:
            return _turn(state)


def _turn(state: ConversationState) -> str:
    assert state.agent is not None
    if state.agent.presence is Presence.AWAY:
        return f"{_owner(state)} to come back: the connection is lost."
    if state.mode is Mode.LIVE and state.customer.presence is Presence.AWAY:
        return "the customer to come back: the connection is lost."
    if state.agent.presence is Presence.AWAITED:
        return f"{_owner(state)} to join."
    return (
        f"the customer to answer {_owner(state)}." if state.last_word is Role.AGENT else f"{_owner(state)} to answer."
    )


def _table(state: ConversationState, runs: int) -> str:
    rows = [
        ("who has it", _whose(state)),
        ("customer", _presence(state.customer)),
        ("last message", _last_message(state)),
        ("queue", f"{state.queue}{', closed' if state.closed_queue else ''}"),
        ("workstream", f"{state.workstream} of instance {state.instance}"),
        ("contact", f"`{state.contact_id}`" + (f", the first is `{state.id}`" if state.contact_id != state.id else "")),
        ("started", f"{_time(state.started_at)}, run {runs}"),
    ]
    if state.end_reason and state.ended_at:
        rows.insert(0, ("ended", f"{_time(state.ended_at)}: **{state.end_reason}**"))
    return "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows)


def _last_message(state: ConversationState) -> str:
    if state.spoken_at is None:
        return "none yet"
    speaker = state.last_word and state.voice(state.last_word).said_at == state.spoken_at
    by = f" by the {state.last_word.lower()}" if speaker and state.last_word else ""
    return f"{_time(state.spoken_at)}{by}; the transcript has {state.seq} items"


def _whose(state: ConversationState) -> str:
    if state.agent:
        return f"agent **{state.agent.user}**, {_presence(state.agent)}"
    return f"nobody, parked by agent **{state.parked_by.user}**" if state.parked_by else "nobody"


def _owner(state: ConversationState) -> str:
    worked = state.worked_leg.agent_user if state.worked_leg else None
    user = state.owner.user if state.owner else worked
    return f"agent {user}" if user else "nobody"


def _timer(state: ConversationState, deadline: Deadline) -> str:
    role = {Timer.CUSTOMER_SILENT: Role.CUSTOMER, Timer.AGENT_SILENT: Role.AGENT}.get(deadline.timer)
    rule = next_rule(state, role) if role else None
    return f"{_time(deadline.due)} {deadline.timer}" + (f": {rule.action}" if rule else "")


def _presence(who: Participant) -> str:
    if who.presence is Presence.AWAITED:
        return "not connected yet"
    return f"{who.presence} since {_time(who.since)}"


def _refusals(state: ConversationState) -> str:
    refused = (f"{_time(r.at)} `{_plain(r.what)}`: {_plain(r.why)}" for r in reversed(state.rejections))
    return _list(f"{state.rejected} refused, the latest first", refused)


def _choices(state: ConversationState) -> str:
    offered = (name for name in _OFFERED[state.state] if name != "park" or state.mode is Mode.PERSISTENT)
    return _list("What you can do: send a signal", (f"`{name}` {CHOICES[name]}" for name in offered))


def _list(title: str, lines: Iterator[str]) -> str:
    text = "\n".join(f"- {line}" for line in lines)
    return f"**{title}**\n{text}" if text else ""


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z"


def _span(limit: timedelta | None) -> str:
    if limit is None:
        return "never"
    minutes, seconds = divmod(int(limit.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def _plain(text: str) -> str:
    return text.replace("`", "'").replace("\n", " ").replace("|", "/")
