"""Exchange of tokens: an agent's client passes a token of the team's identity provider, and gets an agent token.

It needs no access key, so a page of the desk can call it. The agent token has all rules of one from a sign-in by a backend.
"""

from __future__ import annotations

from fastapi import APIRouter, Request

from api.agent.authentication import agent_token
from api.agent.requests import TokenExchangeRequest
from api.agent.responses import SignInResponse
from api.audit import AuditedRoute, begin_audit
from api.bodies import JsonBody
from api.dependencies import ServicesInRequest
from api.foreign_tokens import NOT_VALID
from api.openapi import error_responses
from domain.errors import AccessDenied, UnknownToken

router = APIRouter(prefix="/v1", tags=["agent"], route_class=AuditedRoute)


@router.post(
    "/agents/token",
    # no scheme: the body has the credential
    openapi_extra={"security": [{}]},
    responses=error_responses(name="AccessDeniedException", message=NOT_VALID),
)
async def exchange_token(
    request: Request, services: ServicesInRequest, body: JsonBody[TokenExchangeRequest]
) -> SignInResponse:
    """Returns an agent token for a token of the instance's identity provider. It ends with that token, after 12 hours at most."""
    instance = services.configuration.instances.get(body.instance)
    async with services.limits.checking_token(request):
        if instance is None or instance.identity_provider is None:
            raise UnknownToken(NOT_VALID)
        provider = instance.identity_provider
        claims = await services.foreign_tokens.verify(body.token, provider, provider.audience)
    user = claims.get(provider.user_claim)
    if not isinstance(user, str) or user not in instance.agents:
        raise AccessDenied(f"The claim {provider.user_claim!r} of the token names no agent of the instance.")
    await services.limits.take_for_agent(body.instance, user)
    begin_audit(request, body.instance, f"agent:{user}").target = f"agents/{user}"
    return await agent_token(services, body.instance, user, instance.agents[user], until=claims["exp"])
