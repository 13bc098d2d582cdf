"""Who sits at the desk: a backend signs an agent in with its own access key and hands the desk token to the agent's client."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter, Depends, Request
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import BaseModel, ConfigDict

from api.connect.caller import Authenticated
from api.described import ACCESS_KEY, DESK_TOKEN, described, refused
from api.desk import answers
from api.services import Parts, Services
from api.tokens import Kind
from api.wire import Text, read_body
from domain.errors import AccessDenied, NotFound
from runtime.instances import Agent, Instance

router = APIRouter(prefix="/v1", tags=["agent"])

DESK_TOKEN_LIFE = timedelta(hours=12)


class SignIn(BaseModel):
    """Which agent signs in."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, json_schema_extra={"example": {"instance": "demo", "user": "a1"}}
    )

    instance: Annotated[Text, MinLen(1), MaxLen(100)]
    user: Annotated[Text, MinLen(1), MaxLen(256)]


@dataclass(frozen=True, slots=True)
class Desk:
    """An agent who has signed in, until when, and their instance as it was configured when the request came."""

    instance: str
    user: str
    configured: Instance
    expires_at: datetime

    @property
    def agent(self) -> Agent:
        """The agent as configured."""
        return self.configured.agents[self.user]

    @property
    def queues(self) -> frozenset[str]:
        """The queues that the agent serves."""
        return self.configured.queue_names if self.agent.queues is None else self.agent.queues


def desk_of(parts: Services, token: str) -> Desk:
    """The desk that a token opens.

    Raises:
        AccessDenied: it is none, or its agent does not exist any more.
    """
    claims = parts.tokens.read(Kind.DESK, token)
    instance = parts.configuration.instances.get(claims.get("instance", ""))
    if instance is None or claims["sub"] not in instance.agents:
        raise AccessDenied("The desk token's agent does not exist any more.")
    return Desk(claims["instance"], claims["sub"], instance, datetime.fromtimestamp(claims["exp"], UTC))


def _at_desk(parts: Parts, bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(DESK_TOKEN)]) -> Desk:
    if bearer is None:
        raise AccessDenied("The request needs 'Authorization: Bearer <desk token>'.")
    return desk_of(parts, bearer.credentials.strip())


AtDesk = Annotated[Desk, Depends(_at_desk)]


@router.post(
    "/agents/sign-in",
    dependencies=[Depends(ACCESS_KEY)],
    openapi_extra=described(SignIn),
    responses=refused(what="ResourceNotFoundException", because="user: instance 'demo' has no agent 'a9'."),
)
async def sign_in(request: Request, parts: Parts, caller: Authenticated) -> answers.SignedIn:
    """Gives a desk token for an agent, valid for 12 hours. For backends, with their access key."""
    body = await read_body(request, SignIn)
    name, instance = parts.instance(body.instance, caller.instances)
    agent = instance.agents.get(body.user)
    if agent is None:
        raise NotFound(f"user: instance {name!r} has no agent {body.user!r}.")
    token = parts.tokens.make(Kind.DESK, body.user, DESK_TOKEN_LIFE, instance=name)
    life = int(DESK_TOKEN_LIFE.total_seconds())
    return answers.SignedIn(token=token, user=body.user, name=agent.name, expires_in=life)
