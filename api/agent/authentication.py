"""Sign-in of agents: a backend signs an agent in with its access key, and passes the agent token to the agent's client."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.security import HTTPAuthorizationCredentials

from api.agent.requests import SignInRequest
from api.agent.responses import SignInResponse
from api.bodies import JsonBody
from api.connect.authentication import ByAccessKey
from api.dependencies import Services, ServicesInRequest
from api.openapi import ACCESS_KEY, AGENT_TOKEN, DescribedRoute, error_responses
from api.tokens import TokenKind
from configuration.schema.instances import AgentSettings, InstanceSettings
from domain.errors import AccessDenied, NotFound

router = APIRouter(prefix="/v1", tags=["agent"], route_class=DescribedRoute)

AGENT_TOKEN_LIFE = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class SignedInAgent:
    """An authenticated agent, with their instance as configured at the time of the request. `expires_at` is the token's."""

    instance: str
    user: str
    instance_settings: InstanceSettings
    expires_at: datetime

    @property
    def settings(self) -> AgentSettings:
        """The agent as configured."""
        return self.instance_settings.agents[self.user]

    @property
    def queues(self) -> frozenset[str]:
        """The configured queues that the agent serves."""
        return self.instance_settings.queue_names if self.settings.queues is None else self.settings.queues


def read_agent_token(services: Services, token: str) -> SignedInAgent:
    """Return the agent of an agent token.

    Raises:
        AccessDenied: the token is not valid, or its agent does not exist any more.
    """
    claims = services.tokens.verify(TokenKind.AGENT, token)
    instance = services.configuration.instances.get(claims.get("instance", ""))
    if instance is None or claims["sub"] not in instance.agents:
        raise AccessDenied("The agent token's agent does not exist any more.")
    return SignedInAgent(claims["instance"], claims["sub"], instance, datetime.fromtimestamp(claims["exp"], UTC))


async def _signed_in(
    request: Request,
    services: ServicesInRequest,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(AGENT_TOKEN)],
) -> SignedInAgent:
    if bearer is None:
        raise AccessDenied("The request needs 'Authorization: Bearer <agent token>'.")
    async with services.limits.checking_token(request):
        agent = read_agent_token(services, bearer.credentials.strip())
    await services.limits.take_for_agent(agent.instance, agent.user)
    return agent


ByAgentToken = Annotated[SignedInAgent, Depends(_signed_in)]


@router.post(
    "/agents/sign-in",
    dependencies=[Depends(ACCESS_KEY)],
    responses=error_responses(name="ResourceNotFoundException", message="user: instance 'demo' has no agent 'a9'."),
)
async def sign_in(services: ServicesInRequest, caller: ByAccessKey, body: JsonBody[SignInRequest]) -> SignInResponse:
    """Returns an agent token, valid for 12 hours. For backends, with their access key."""
    name, instance = services.instance(body.instance, caller.instances, "instance")
    settings = instance.agents.get(body.user)
    if settings is None:
        raise NotFound(f"user: instance {name!r} has no agent {body.user!r}.")
    token = services.tokens.make(TokenKind.AGENT, body.user, AGENT_TOKEN_LIFE, instance=name)
    life = int(AGENT_TOKEN_LIFE.total_seconds())
    return SignInResponse(token=token, user=body.user, name=settings.name, expires_in=life)
