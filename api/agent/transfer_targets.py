"""Where an agent can transfer a contact: the queues and the other agents of the instance."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter

from api.agent.authentication import ByAgentToken
from api.dependencies import ServicesInRequest
from api.openapi import DescribedRoute, ResponseBody, error_responses, example
from domain.routing import AgentStatus
from routing.agents import agent_states

router = APIRouter(
    prefix="/v1/agent",
    tags=["agent"],
    route_class=DescribedRoute,
    responses=error_responses(name="AccessDeniedException", message="The agent token has expired."),
)


class TargetAgentResponse(ResponseBody):
    """An agent to whom a contact can be transferred."""

    user: str
    name: str
    status: AgentStatus


class TransferTargetsResponse(ResponseBody):
    """The targets of a transfer."""

    model_config = example(
        {"queues": ["live", "persistent"], "agents": [{"user": "a2", "name": "Agent Two", "status": "available"}]}
    )

    queues: list[str]
    agents: list[TargetAgentResponse]


@router.get("/transfer-targets")
async def list_transfer_targets(services: ServicesInRequest, agent: ByAgentToken) -> TransferTargetsResponse:
    """Returns the queues of the instance that an agent serves, by name, and the other agents, by user."""
    settings = agent.instance_settings
    states = await agent_states(services.db, agent.instance, datetime.now(UTC))
    return TransferTargetsResponse(
        queues=sorted(queue for queue in settings.queue_names if settings.agents_serving(queue)),
        agents=[
            TargetAgentResponse(user=state.user, name=state.name, status=state.status)
            for state in states
            if state.user != agent.user
        ],
    )
