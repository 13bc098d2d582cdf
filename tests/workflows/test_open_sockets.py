"""Nobody who has an open socket counts as absent when a time limit ends, although the report of the connect is late.

Reports are late when Temporal is away, or cut off from the process that has the socket. The store knows the socket all the same.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio.testing import WorkflowEnvironment

from domain.contacts import EndReason
from domain.conversation import Mode, State
from domain.events import AcceptOffer, Connect, Disconnect, Message
from domain.participants import ParticipantPresence
from store import connections
from tests.workflows.engine import Chat, Engine
from tests.workflows.simulated_chat import SECOND, SimulatedChat, new_state
from tests.workflows.test_reconnect_window import active_chat, disconnect_customer
from tests.workflows.time_skipping import advance, current_time
from workflows.machine import decide
from workflows.state import ConversationState
from workflows.timers import Timer, deadlines

API = "an API process"


async def open_socket(chat: Chat, participant_id: str) -> None:
    """Open a socket of a participant. The conversation does not hear of it."""
    await connections.add_connection(chat.engine.db, participant_id, chat.id, API)


async def close_socket(chat: Chat, participant_id: str, at: datetime) -> None:
    """Close it, and report the loss."""
    await connections.mark_connection_lost(chat.engine.db, participant_id, API, at)
    await chat.signal("disconnect", {"by": participant_id, "at": at.isoformat()})
    await connections.remove_disconnected(chat.engine.db, participant_id, at)


async def test_customer_who_is_back_when_the_window_ends_is_not_lost(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker():
        chat = await active_chat(engine, agent_grace=None)
        state = await disconnect_customer(chat)
        await open_socket(chat, state.customer.id)
        await advance(environment, chat, minutes=3, seconds=10)
        found = await chat.wait_until(customer_is_connected, "the socket is found")
        assert (found.state, found.refused_count, found.found_connected) == (State.ACTIVE, 0, ())
        await advance(environment, chat, minutes=10)
        assert (await chat.state()).state is State.ACTIVE
        lost_at = await current_time(environment, chat)
        await close_socket(chat, state.customer.id, lost_at)
        await chat.wait_until(lambda s: s.customer.presence is ParticipantPresence.AWAY, "the socket is lost")
        await advance(environment, chat, minutes=3, seconds=10)
        ended = await chat.wait_until(lambda s: s.ended, "the window closes")
        assert ended.end_reason is EndReason.CUSTOMER_LOST
        assert abs((ended.ended_at or lost_at) - lost_at - timedelta(minutes=3)) < SECOND


async def test_loss_and_return_reported_after_the_window_do_not_end_the_chat(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker():
        chat = await active_chat(engine, agent_grace=None)
        customer = (await chat.state()).customer.id
        lost_at = await current_time(environment, chat)
        returned_at = lost_at + timedelta(seconds=30)
        await open_socket(chat, customer)
        await advance(environment, chat, minutes=5)  # Temporal was away all this time
        await chat.signal("disconnect", {"by": customer, "at": lost_at.isoformat()})
        found = await chat.wait_until(lambda s: s.customer.since == lost_at, "the loss is decided")
        assert (found.state, found.customer.presence) == (State.ACTIVE, ParticipantPresence.CONNECTED)
        await chat.signal("connect", {"by": customer, "at": returned_at.isoformat()})
        await chat.wait_until(lambda s: s.customer.since == returned_at, "the return is decided")
        assert await chat.contents() == ["participant.joined"]


async def test_return_and_second_loss_that_are_not_reported_yet_do_not_end_the_chat(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker():
        chat = await active_chat(engine, agent_grace=None)
        customer = (await disconnect_customer(chat)).customer.id
        await open_socket(chat, customer)
        lost_at = await current_time(environment, chat) + timedelta(minutes=2)
        await connections.mark_connection_lost(chat.engine.db, customer, API, lost_at)
        await advance(environment, chat, minutes=3, seconds=10)
        await chat.wait_until(customer_is_connected, "the return is found")
        await chat.signal("connect", {"by": customer, "at": lost_at.isoformat()})
        await connections.mark_connect_reported(chat.engine.db, customer, API)
        await chat.signal("disconnect", {"by": customer, "at": lost_at.isoformat()})
        await chat.wait_until(lambda s: s.customer.presence is ParticipantPresence.AWAY, "the second loss is decided")
        await advance(environment, chat, minutes=3, seconds=10)
        ended = await chat.wait_until(lambda s: s.ended, "the second window closes")
        assert (ended.ended_at or lost_at) >= lost_at + timedelta(minutes=3)


async def test_customer_whose_first_connect_is_not_reported_yet_counts_as_joined(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker():
        chat = await engine.start()
        await open_socket(chat, (await chat.state()).customer.id)
        await advance(environment, chat, minutes=5, seconds=10)
        await chat.wait_until(customer_is_connected, "the socket is found")
        assert await chat.contents() == ["participant.joined"]


async def test_agent_who_is_back_when_the_grace_ends_keeps_the_chat(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker():
        chat = await active_chat(engine, Mode.PERSISTENT)
        await chat.do(Connect(by="agent"), Disconnect(by="agent"))
        agent = (await chat.state()).agent
        assert agent
        await open_socket(chat, agent.id)
        await advance(environment, chat, minutes=3)
        state = await chat.wait_until(
            lambda s: s.agent is not None and s.agent.presence is ParticipantPresence.CONNECTED, "the socket is found"
        )
        assert (state.state, state.contact_id) == (State.ACTIVE, chat.id)


async def test_agent_whose_first_connect_is_not_reported_yet_keeps_the_chat(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker():
        chat = await engine.start(Mode.PERSISTENT)
        until = await current_time(environment, chat) + timedelta(minutes=2)
        offer = {"offer_id": "o", "user": "a1", "name": "A1", "until": until.isoformat()}
        await chat.signal("connect")
        await chat.signal("offer", offer)
        await chat.do(AcceptOffer(offer_id="o", by="a1"))
        agent = (await chat.state()).agent
        assert agent
        await open_socket(chat, agent.id)
        await advance(environment, chat, minutes=3)
        await chat.wait_until(lambda s: s.agent is not None and s.agent.joined_at is not None, "the socket is found")
        assert (await chat.state()).contact_id == chat.id


def test_loss_after_a_connect_that_is_decided_late_counts() -> None:
    chat = SimulatedChat(new_state()).after(Connect(), Disconnect())
    returned_at, lost_at = chat.now + SECOND, chat.now + 2 * SECOND
    later = chat.now + timedelta(minutes=1)
    decided = decide(chat.at(later).state, Connect(at=returned_at), later).state
    assert decided.customer.presence is ParticipantPresence.CONNECTED
    decided = decide(decided, Disconnect(at=lost_at), later).state
    assert decided.customer.presence is ParticipantPresence.AWAY


def customer_is_connected(state: ConversationState) -> bool:
    return state.customer.presence is ParticipantPresence.CONNECTED


def test_window_counts_from_the_last_sign_of_life_of_a_client_that_fell_silent() -> None:
    chat = SimulatedChat(new_state()).after(Connect(), Message(by="customer", content="One moment."))
    spoke_at, noticed_at = chat.now, chat.now + timedelta(seconds=40)
    for silent_since in (spoke_at + 5 * SECOND, spoke_at - SECOND / 2):
        lost = decide(chat.state, Disconnect(at=noticed_at, since=silent_since), noticed_at).state
        assert lost.customer.since == max(silent_since, spoke_at)
        [window] = [deadline for deadline in deadlines(lost) if deadline.timer is Timer.RECONNECT]
        assert window.due == lost.customer.since + timedelta(minutes=3)
