"""Status of agents: read it, set it, and apply its effects on offers and contacts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from fastapi import APIRouter

from api.agent.authentication import ByAgentToken
from api.agent.requests import AgentStatusRequest
from api.agent.responses import AgentResponse
from api.bodies import JsonBody
from api.dependencies import Services, ServicesInRequest
from api.openapi import DescribedRoute, error_responses
from configuration.schema.instances import InstanceSettings
from domain.errors import ConversationEnded, EngineUnavailable, Unavailable
from domain.events import Release
from domain.routing import AgentStatus
from routing import agent_status
from routing.agents import agent_states
from routing.offer_withdrawal import withdraw_offers
from routing.offers import offers_to_agent
from routing.records import AgentState
from runtime.bus import routing_has_changed
from store import conversations

router = APIRouter(
    prefix="/v1/agent",
    tags=["agent"],
    route_class=DescribedRoute,
    responses=error_responses(
        message="status: must be 'available', 'busy', 'busy-do-not-disturb', 'away' or 'offline'"
    ),
)

AGENT_TIMEOUT = 3.0
"""Seconds to wait for a newly configured agent. Dispatchers add agents every second."""


@router.get("")
async def get_agent(services: ServicesInRequest, agent: ByAgentToken) -> AgentResponse:
    """Returns the agent's status, next status, capacity and load. Capacity and load are in units."""
    return agent_response(await agent_state(services, agent.instance, agent.user), agent.instance_settings)


@router.put("/status")
async def set_own_status(
    services: ServicesInRequest, agent: ByAgentToken, body: JsonBody[AgentStatusRequest]
) -> AgentResponse:
    """Sets the agent's status, now or when no contact uses their capacity.

    When the agent becomes away or offline, their pending offers go to the next agent, and do not count as missed. When they
    become offline at once, their active contacts return to the queues too. Parked contacts stay with the agent.
    """
    state = await change_agent_status(services, agent.instance, agent.user, body.status, when_free=body.when_free)
    return agent_response(state, agent.instance_settings)


async def change_agent_status(
    services: Services, instance: str, user: str, status: AgentStatus, *, when_free: bool
) -> AgentState:
    """Set the status of an agent, and return the agent's state afterwards.

    Withdraws the offers to an agent who becomes away or offline, and releases the active contacts of an agent who becomes
    offline at once.

    Args:
        when_free: set it when no contact uses the agent's capacity any more.

    Raises:
        Unavailable: routing does not know the agent yet.
        EngineUnavailable: the engine does not answer for a contact that must be released.
    """
    now = datetime.now(UTC)
    before = await agent_state(services, instance, user)
    # an agent who has this status already is not set to it later: until then they would get no offers
    deferred = when_free and before.status != status
    await agent_status.set_agent_status(services.db, instance, user, status, now, when_free=deferred)
    after = await agent_state(services, instance, user)
    if after.status.is_absent:
        await withdraw_offers(
            services.db, services.bus, services.engine, await offers_to_agent(services.db, instance, user)
        )
    if after.status is AgentStatus.OFFLINE and not when_free:
        await _release_contacts(services, instance, user)
    await services.bus.announce(routing_has_changed(instance, queue="", agent=user))
    return await agent_state(services, instance, user)


async def agent_state(services: Services, instance: str, user: str) -> AgentState:
    """Return the state of a configured agent. Waits up to `AGENT_TIMEOUT` for a newly configured agent.

    Raises:
        Unavailable: routing does not know the agent; no dispatcher runs.
    """
    clock = asyncio.get_running_loop()
    deadline = clock.time() + AGENT_TIMEOUT
    while not (found := await agent_states(services.db, instance, datetime.now(UTC), users=[user])):
        if clock.time() > deadline:
            raise Unavailable(f"Routing does not know agent {user!r} yet.")
        await asyncio.sleep(0.1)
    return found[0]


async def _release_contacts(services: Services, instance: str, user: str) -> None:
    """Release the active contacts of an agent to their queues.

    Raises:
        EngineUnavailable: the engine does not answer for at least one contact. The others are released.
    """
    failed: EngineUnavailable | None = None
    for contact, conversation in await conversations.contacts_of_agent(services.db, instance, user):
        if contact.ended_at is not None or conversation.state != "ACTIVE":
            continue
        participant = await conversations.participant_of_user(services.db, conversation.id, user)
        try:
            # a refusal means that the contact has just ended or gone to another agent
            await services.engine.execute_command(conversation.id, Release(by=participant.id if participant else user))
        except ConversationEnded:
            continue
        except EngineUnavailable as fault:
            failed = fault
    if failed:
        raise failed


def agent_response(state: AgentState, instance: InstanceSettings) -> AgentResponse:
    """Convert an agent's state to its response for agents and supervisors.

    Args:
        state: the state.
        instance: the agent's instance. An agent who has just been taken out of it is no supervisor.
    """
    configured = instance.agents.get(state.user)
    return AgentResponse(
        user=state.user,
        name=state.name,
        status=state.status,
        status_since=state.status_since,
        next_status=state.next_status,
        capacity=state.capacity,
        load=state.load,
        over_capacity=state.load > state.capacity,
        supervisor=configured is not None and configured.supervisor,
    )
