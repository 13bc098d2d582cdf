"""What a change of state does besides changing it: seats, transfers, endings and the survey."""

from __future__ import annotations

from collections.abc import Callable

from workflows.decision import Decision, event_item
from workflows.events import AnyEvent, Assign, Message, Transfer
from workflows.state import ConversationState, derived_id
from workflows.survey import answer, asked
from workflows.values import EndReason, EventType, Initiation, Item, ItemType, Participant, Presence, Role, State

Action = Callable[[ConversationState, AnyEvent | None], Decision]
"""What a change of state does besides changing it; the event is `None` when a timer brought it about."""


def seat_agent(state: ConversationState, event: AnyEvent | None) -> Decision:
    """An agent has the conversation."""
    assert isinstance(event, Assign)
    agent = Participant(
        id=derived_id(state.id, f"agent/{event.user}"),
        role=Role.AGENT,
        name=event.name,
        user=event.user,
        since=state.clock,
    )
    former = tuple(leaver for leaver in state.former if leaver != agent.id)
    return Decision(state.but(agent=agent, agent_assigned_at=state.clock, former=former))


def hand_on(state: ConversationState, event: AnyEvent | None) -> Decision:
    """The present contact ends and a new one begins. The customer notices nothing but that somebody left and joins."""
    assert isinstance(event, Transfer)
    items: list[Item] = []
    leaver = state.agent
    if leaver and leaver.joined_at is not None:
        state, left = event_item(state, EventType.LEFT, leaver)
        items.append(left)
    state, transferred = event_item(state, EventType.TRANSFERRED, leaver)
    items.append(transferred)
    state = state.on_next_leg(event.contact_id, Initiation.TRANSFER, event.queue)
    if event.user is None:
        return Decision(state, tuple(items))
    seated = seat_agent(state, Assign(user=event.user, name=event.name or event.user, by=event.by))
    return Decision(seated.state, tuple(items))


def ends(reason: EndReason) -> Action:
    """The end for the customer: who left is recorded, whoever ended it first, then `chat.ended`, the last they see."""

    def end(state: ConversationState, event: AnyEvent | None) -> Decision:
        items: list[Item] = []
        if reason is EndReason.CUSTOMER_LOST and (text := state.policy.texts.customer_disconnected):
            state, said = state.with_item(
                type=ItemType.MESSAGE, content_type="text/plain", content=text, trigger="customer_disconnected"
            )
            items.append(said)
        leaver = Role.AGENT if reason is EndReason.AGENT_ENDED else Role.CUSTOMER
        for who in sorted(state.participants, key=lambda p: p.role is not leaver):
            if who.joined_at is not None:
                state, left = event_item(state, EventType.LEFT, who)
                items.append(left)
            state = state.with_participant(
                who.model_copy(update={"presence": Presence.AWAY, "since": state.clock, "left_at": state.clock})
            )
        state, ended = event_item(state, EventType.CHAT_ENDED, None)
        closed_at = state.clock if state.state is State.CLOSED else None
        ended_state = state.but(
            ended_at=state.clock, end_reason=state.end_reason or reason, closed_at=closed_at, survey_step=None
        )
        return Decision(ended_state.to_archive(), (*items, ended))

    return end


def close(state: ConversationState, event: AnyEvent | None) -> Decision:
    """Nothing is left to do."""
    return Decision(state.but(closed_at=state.clock))


def agent_is_done(state: ConversationState, event: AnyEvent | None) -> Decision:
    """The agent's part is over while the customer still answers: the end of the survey will close."""
    return Decision(state.but(agent_done_at=state.clock))


def agent_ends(state: ConversationState, event: AnyEvent | None) -> Decision:
    """The end, or the survey before it, which a customer who has never been there is spared."""
    agent, survey = state.agent, state.policy.survey
    if survey is None or agent is None or state.customer.joined_at is None:
        return ends(EndReason.AGENT_ENDED)(state, event)
    items: list[Item] = []
    if agent.joined_at is not None:
        state, left = event_item(state, EventType.LEFT, agent, trigger="survey")
        items.append(left)
    contact_id = derived_id(state.id, f"survey/{state.contact_id}")
    state = state.on_next_leg(contact_id, Initiation.DISCONNECT, state.queue)
    state = state.but(end_reason=EndReason.AGENT_ENDED, survey_since=state.clock, survey_step=0)
    if state.survey_from_outside:
        return Decision(state, tuple(items))
    state, question = _ask(state)
    return Decision(state, (*items, question))


def _ask(state: ConversationState) -> tuple[ConversationState, Item]:
    assert state.policy.survey is not None
    assert state.survey_step is not None
    question = state.policy.survey.questions[state.survey_step]
    content_type, content = asked(question, interactive=state.policy.interactive)
    return state.with_item(type=ItemType.MESSAGE, content_type=content_type, content=content, trigger="survey")


def reply(state: ConversationState, message: Message) -> Decision:
    """What follows an answer: the next question, the same again after none, or thanks when there is no more to ask."""
    survey, step = state.policy.survey, state.survey_step
    assert survey is not None
    assert step is not None
    question = survey.questions[step]
    given = answer(question, message.content_type, message.content)
    if given is None:
        told = _system_says(state, survey.not_a_choice)
        state, again = _ask(told.state)  # with its choices: quick replies vanish once one has typed something else
        return Decision(state, (*told.items, again))
    state = state.but(unrecorded_answers=(*state.unrecorded_answers, (question.key, given)), survey_step=step + 1)
    if not state.answered:
        state, item = _ask(state)
        return Decision(state, (item,))
    return _system_says(state, survey.thanks) if survey.thanks else Decision(state)


def _system_says(state: ConversationState, text: str) -> Decision:
    state, item = state.with_item(type=ItemType.MESSAGE, content_type="text/plain", content=text, trigger="survey")
    return Decision(state, (item,))
