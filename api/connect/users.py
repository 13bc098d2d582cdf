"""DescribeUser, ListUsers and SearchUsers: the agents of an instance, as configured."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from api.bodies import JsonBody
from api.connect.authentication import ByChatsKey
from api.connect.pages import MaxResultsInQuery, NextTokenInQuery, Pages
from api.connect.resource_search import SearchUsers
from api.dependencies import ServicesInRequest
from api.openapi import DescribedRoute
from api.paths import InstanceIdInPath, UserIdInPath, resource_id
from configuration.schema.instances import AgentSettings, InstanceSettings
from domain.errors import NotFound
from wire.arns import resource_arn
from wire.models import without_none

router = APIRouter(route_class=DescribedRoute)

MAX_FIRST_NAME = 255
"""Longest FirstName on the wire."""


@router.get("/users/{InstanceId}/{UserId}")
async def describe_user(
    instance_id: InstanceIdInPath, user_id: UserIdInPath, services: ServicesInRequest, caller: ByChatsKey
) -> dict[str, Any]:
    """DescribeUser."""
    instance, settings = services.instance(instance_id, caller.instances)
    user = resource_id(user_id)
    require_user(instance, settings, user)
    return {"User": _user(instance, user, settings.agents[user]) | {"IdentityInfo": _names(settings.agents[user])}}


@router.get("/users-summary/{InstanceId}")
async def list_users(
    instance_id: InstanceIdInPath,
    services: ServicesInRequest,
    caller: ByChatsKey,
    next_token: NextTokenInQuery = None,
    max_results: MaxResultsInQuery = None,
) -> dict[str, Any]:
    """ListUsers, by id."""
    instance, settings = services.instance(instance_id, caller.instances)
    page, following = Pages(services, f"users of {instance}").of_names(settings.agents, next_token, max_results)
    users = [_user(instance, user, settings.agents[user]) for user in page]
    return without_none(UserSummaryList=users, NextToken=following)


@router.post("/search-users")
async def search_users(services: ServicesInRequest, caller: ByChatsKey, body: JsonBody[SearchUsers]) -> dict[str, Any]:
    """SearchUsers by Username, FirstName, LastName and ResourceId. The total is that of the moment."""
    instance, settings = services.instance(body.instance_id, caller.instances)
    criteria = body.search_criteria
    criteria.require_fields("Username", "FirstName", "LastName", "ResourceId")
    found = [user for user, agent in settings.agents.items() if criteria.match(_fields(user, agent))]
    pages = Pages(services, f"found users of {instance}", criteria.model_dump(mode="json"))
    page, following = pages.of_names(found, body.next_token, body.max_results)
    users = [
        _user(instance, user, settings.agents[user]) | {"IdentityInfo": _names(settings.agents[user])} for user in page
    ]
    return without_none(Users=users, NextToken=following, ApproximateTotalCount=len(found))


def require_user(instance: str, settings: InstanceSettings, user: str, member: str = "UserId") -> None:
    """Check that an instance has an agent.

    Raises:
        NotFound: it has none.
    """
    if user not in settings.agents:
        raise NotFound(f"{member}: instance {instance!r} has no agent {user!r}.")


def _user(instance: str, user: str, agent: AgentSettings) -> dict[str, Any]:
    return {"Id": user, "Arn": resource_arn(instance, "agent", user), "Username": user}


def _names(agent: AgentSettings) -> dict[str, str]:
    """The name in two parts, as the wire has it: together, with a space between them, they are the name."""
    first, _, last = agent.name.rpartition(" ")
    return {"FirstName": first, "LastName": last} if first else {"FirstName": agent.name[:MAX_FIRST_NAME]}


def _fields(user: str, agent: AgentSettings) -> dict[str, str]:
    names = {name.lower(): value for name, value in _names(agent).items()}
    return {"username": user, "resourceid": user, "firstname": "", "lastname": "", **names}
