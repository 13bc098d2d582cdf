"""Sign-in without a password, for the demo that `make run` starts. A deployment has no such routes.

They are there only while the published access key of the demo is configured, with which the API listens on loopback alone. Each
request is also checked: it comes from this machine, by a name of this machine.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from api.agent.authentication import agent_token
from api.agent.requests import SignInRequest
from api.agent.responses import SignInResponse
from api.audit import AuditedRoute, begin_audit
from api.bodies import JsonBody
from api.dependencies import ServicesInRequest
from api.pages.responses import DemoAgent, DemoResponse
from api.request_limits import address_of
from domain.errors import AccessDenied, NotFound
from runtime.settings import is_loopback

_OF_PROXIES = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto")
"""Headers that only a proxy adds. A proxy on this machine may pass on what others send."""


async def _from_this_machine(request: Request) -> None:
    headers = request.headers
    origin = headers.get("origin")
    is_own_page = origin is None or origin.partition("://")[2] == headers.get("host")
    is_direct = not any(name in headers for name in _OF_PROXIES)
    is_local = is_loopback(address_of(request)) and is_loopback(request.url.hostname or "")
    if not (is_local and is_direct and is_own_page):
        raise AccessDenied("The demo signs in people on this machine only.")


OnThisMachine = Annotated[None, Depends(_from_this_machine)]


def demo_router(temporal_ui: str | None) -> APIRouter:
    """Build the routes of the demo. `temporal_ui`: base URL of the Temporal UI; None when the process does not know it."""
    router = APIRouter(prefix="/v1/demo", include_in_schema=False, route_class=AuditedRoute)

    @router.get("")
    async def demo(request: Request, services: ServicesInRequest, _: OnThisMachine) -> DemoResponse:
        """Returns the agents as whom somebody can work."""
        begin_audit(request, "", "demo")
        agents = tuple(
            DemoAgent(instance=name, user=user, name=agent.name, supervisor=agent.supervisor)
            for name, instance in services.configuration.instances.items()
            for user, agent in instance.agents.items()
        )
        return DemoResponse(agents=agents, temporal_ui=temporal_ui)

    @router.post("/sign-in")
    async def sign_in(
        request: Request, services: ServicesInRequest, _: OnThisMachine, body: JsonBody[SignInRequest]
    ) -> SignInResponse:
        """Returns an agent token, as a backend gets it from `POST /v1/agents/sign-in`."""
        instance = services.configuration.instances.get(body.instance)
        begin_audit(request, body.instance, "demo").target = f"agents/{body.user}"
        if instance is None or body.user not in instance.agents:
            raise NotFound(f"user: instance {body.instance!r} has no agent {body.user!r}.")
        return await agent_token(services, body.instance, body.user, instance.agents[body.user])

    return router
