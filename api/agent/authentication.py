"""Sign-in of agents: a backend signs an agent in with its access key, and passes the agent token to the agent's client.

`api/agent/token_exchange.py` has the other way in, with a token of an identity provider.

A token names the agent's identity. It ends when the agent is taken out of the configuration, and the token with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from time import time
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, Request
from fastapi.security import HTTPAuthorizationCredentials

from api.agent.requests import SignInRequest
from api.agent.responses import SignInResponse
from api.audit import AuditedRoute, begin_audit
from api.bodies import JsonBody
from api.connect.authentication import ByAgentsKey
from api.dependencies import Services, ServicesInRequest
from api.openapi import ACCESS_KEY, AGENT_TOKEN, error_responses
from api.tokens import TokenKind
from configuration.schema.instances import AgentSettings, InstanceSettings
from domain.errors import AccessDenied, NotFound
from store.agent_identities import begin_identity, find_identity

router = APIRouter(prefix="/v1", tags=["agent"], route_class=AuditedRoute)

AGENT_TOKEN_LIFE = timedelta(hours=12)

TICKET_LIFE = timedelta(seconds=30)
"""How long a ticket for an agent socket, which is good once, is valid. It stands in addresses, and so in logs of proxies."""


@dataclass(frozen=True, slots=True)
class SignedInAgent:
    """An authenticated agent, with their instance as configured at the time of the request.

    Attributes:
        identity: what the token names beside the user; see `store.agent_identities`.
        expires_at: when the agent token expires (UTC).
    """

    instance: str
    user: str
    identity: str
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


async def read_agent_token(services: Services, token: str) -> SignedInAgent:
    """Return the agent of an agent token.

    Raises:
        AccessDenied: the token is not valid, or its agent does not exist any more.
    """
    return await _signed_in_agent(services, services.tokens.verify(TokenKind.AGENT, token))


def socket_ticket(services: Services, agent: SignedInAgent) -> str:
    """Return a ticket with which the agent's client opens one agent socket."""
    claims = {"instance": agent.instance, "identity": agent.identity, "until": int(agent.expires_at.timestamp())}
    return services.tokens.make(TokenKind.TICKET, agent.user, TICKET_LIFE, jti=uuid4().hex, **claims)


async def use_socket_ticket(services: Services, ticket: str) -> SignedInAgent:
    """Return the agent of a ticket, which is used with this.

    Raises:
        AccessDenied: the ticket is not valid or was used before, or its agent does not exist any more.
    """
    claims = services.tokens.verify(TokenKind.TICKET, ticket)
    agent = await _signed_in_agent(services, {**claims, "exp": claims["until"]})
    if not await services.single_use.take_token(claims):
        raise AccessDenied("The ticket has been used. Each socket needs a new one.")
    return agent


async def _signed_in_agent(services: Services, claims: Mapping[str, Any]) -> SignedInAgent:
    name, user, identity = claims.get("instance", ""), claims["sub"], claims.get("identity")
    instance = services.configuration.instances.get(name)
    # read each time: the agent may have been taken out of the configuration, and configured anew under the same name
    present = await find_identity(services.db, name, user) if instance and user in instance.agents else None
    if instance is None or present is None or present != identity:
        raise AccessDenied("The agent token's agent does not exist any more.")
    return SignedInAgent(name, user, present, instance, datetime.fromtimestamp(claims["exp"], UTC))


async def _signed_in(
    request: Request,
    services: ServicesInRequest,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(AGENT_TOKEN)],
) -> SignedInAgent:
    if bearer is None:
        raise AccessDenied("The request needs 'Authorization: Bearer <agent token>'.")
    async with services.limits.checking_token(request):
        agent = await read_agent_token(services, bearer.credentials.strip())
    await services.limits.take_for_agent(agent.instance, agent.user)
    return agent


ByAgentToken = Annotated[SignedInAgent, Depends(_signed_in)]


@router.post(
    "/agents/sign-in",
    dependencies=[Depends(ACCESS_KEY)],
    responses=error_responses(name="ResourceNotFoundException", message="user: instance 'demo' has no agent 'a9'."),
)
async def sign_in(
    request: Request, services: ServicesInRequest, caller: ByAgentsKey, body: JsonBody[SignInRequest]
) -> SignInResponse:
    """Returns an agent token, valid for 12 hours. For backends, with their access key."""
    name, instance = services.instance(body.instance, caller.instances, "instance")
    begin_audit(request, name, caller.actor).target = f"agents/{body.user}"
    if body.user not in instance.agents:
        raise NotFound(f"user: instance {name!r} has no agent {body.user!r}.")
    return await agent_token(services, name, body.user, instance.agents[body.user])


async def agent_token(
    services: Services, instance: str, user: str, settings: AgentSettings, *, until: float = inf
) -> SignInResponse:
    """Return an agent token for a caller who is known to be this agent.

    Args:
        until: when it must have ended, in seconds since 1970; it is valid for `AGENT_TOKEN_LIFE` at most.
    """
    identity = await begin_identity(services.db, instance, user)
    life = timedelta(seconds=min(AGENT_TOKEN_LIFE.total_seconds(), until - time()))
    token = services.tokens.make(TokenKind.AGENT, user, life, instance=instance, identity=identity)
    return SignInResponse(token=token, user=user, name=settings.name, expires_in=int(life.total_seconds()))
