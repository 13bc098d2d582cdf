"""GetCurrentUserData: what the agents of an instance do at this moment."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter

from api.bodies import JsonBody
from api.connect.agent_statuses import STATUS_NAMES, routable_statuses, status_arn
from api.connect.authentication import ByAgentsKey
from api.connect.metric_requests import ContactState, GetCurrentUserData, UserDataFilters
from api.connect.pages import Pages
from api.connect.queues import require_queue
from api.connect.users import require_user
from api.dependencies import ServicesInRequest
from api.openapi import DescribedRoute
from api.paths import InstanceIdInPath, resource_id
from configuration.schema.instances import InstanceSettings
from domain.instants import epoch_seconds
from domain.routing import AgentStatus, RoutingStage
from routing.board import AgentOnBoard, HeldContact, agents_on_board, held_contacts
from wire.arns import resource_arn
from wire.models import without_none

router = APIRouter(route_class=DescribedRoute)


@router.post("/metrics/userdata/{InstanceId}")
async def get_current_user_data(
    instance_id: InstanceIdInPath,
    services: ServicesInRequest,
    caller: ByAgentsKey,
    body: JsonBody[GetCurrentUserData],
) -> dict[str, Any]:
    """GetCurrentUserData, by user. Agents who are offline and have no contact are left out."""
    instance, settings = services.instance(instance_id, caller.instances)
    users = _wanted_users(instance, settings, body.filters)
    contacts: dict[str, list[HeldContact]] = {}
    held = await held_contacts(services.db, instance, datetime.now(UTC))
    for contact in sorted(held, key=lambda each: (each.since, each.contact_id)):
        contacts.setdefault(contact.user, []).append(contact)
    agents = {
        agent.user: agent
        for agent in await agents_on_board(services.db, instance)
        if agent.user in users and _is_listed(agent, contacts.get(agent.user, ()), body.filters.states)
    }
    routable = routable_statuses(settings)
    pages = Pages(services, f"user data of {instance}", body.filters.model_dump(mode="json"))
    page, following = pages.of_names(agents, body.next_token, body.max_results)
    return without_none(
        UserDataList=[
            _user_data(instance, routable, agents[user], contacts.get(user, ()), body.filters.states) for user in page
        ],
        ApproximateTotalCount=len(agents),
        NextToken=following,
    )


def _wanted_users(instance: str, settings: InstanceSettings, filters: UserDataFilters) -> set[str]:
    for user in filters.agents:
        require_user(instance, settings, resource_id(user), "Filters.Agents")
    for queue in filters.queues:
        require_queue(instance, settings, resource_id(queue), "Filters.Queues")
    if filters.queues:
        return {user for queue in filters.queues for user in settings.agents_serving(resource_id(queue))}
    return {resource_id(user) for user in filters.agents} or {*settings.agents}


def _is_listed(agent: AgentOnBoard, contacts: Sequence[HeldContact], states: Sequence[ContactState]) -> bool:
    if states:
        return any(_state(contact) in states for contact in contacts)
    return agent.status is not AgentStatus.OFFLINE or bool(contacts)


def _state(contact: HeldContact) -> ContactState:
    """The state of a contact in the terms of the agent event stream."""
    if contact.is_offered:
        return "CONNECTING"
    return "ENDED" if contact.stage is RoutingStage.WRAP_UP else "CONNECTED"


def _user_data(
    instance: str,
    routable: Collection[AgentStatus],
    agent: AgentOnBoard,
    contacts: Sequence[HeldContact],
    states: Sequence[ContactState],
) -> dict[str, Any]:
    load = sum(contact.units for contact in contacts)
    takes_more = agent.takes_offers and agent.status in routable
    return without_none(
        User={"Id": agent.user, "Arn": resource_arn(instance, "agent", agent.user)},
        Status={
            "StatusStartTimestamp": epoch_seconds(agent.status_since),
            "StatusArn": status_arn(instance, agent.status),
            "StatusName": STATUS_NAMES[agent.status],
        },
        NextStatus=STATUS_NAMES[agent.next_status] if agent.next_status else None,
        MaxSlotsByChannel={"CHAT": agent.capacity},
        ActiveSlotsByChannel={"CHAT": load},
        AvailableSlotsByChannel={"CHAT": max(agent.capacity - load, 0) if takes_more else 0},
        Contacts=[_contact(instance, contact) for contact in contacts if not states or _state(contact) in states],
    )


def _contact(instance: str, contact: HeldContact) -> dict[str, Any]:
    return without_none(
        ContactId=contact.contact_id,
        Channel="CHAT",
        InitiationMethod=contact.initiation_method,
        AgentContactState=_state(contact),
        StateStartTimestamp=epoch_seconds(contact.since),
        ConnectedToAgentTimestamp=epoch_seconds(contact.connected_at),
        Queue={"Id": contact.queue, "Arn": resource_arn(instance, "queue", contact.queue)},
    )
