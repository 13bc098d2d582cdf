"""What agents are, set by a backend: PutUserStatus."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter, Request

from api.connect.caller import Authenticated
from api.desk.presence import become
from api.paths import InstanceIdInPath, UserIdInPath, resource_id
from api.services import Parts
from api.wire import Text, Wire, read_body
from domain.errors import NotFound
from store.board.values import Presence

router = APIRouter()


class PutUserStatus(Wire):
    """PUT /users/{InstanceId}/{UserId}/status."""

    agent_status_id: Annotated[Text, MinLen(1), MaxLen(256)]


@router.put("/users/{InstanceId}/{UserId}/status")
async def put_user_status(
    request: Request, instance_id: InstanceIdInPath, user_id: UserIdInPath, parts: Parts, caller: Authenticated
) -> dict[str, Any]:
    """PutUserStatus: the presences are the statuses. What an agent who has work is to be, they become once they are free."""
    body = await read_body(request, PutUserStatus)
    instance, settings = parts.instance(instance_id, caller.instances)
    user, status = resource_id(user_id), resource_id(body.agent_status_id)
    if user not in settings.agents:
        raise NotFound(f"UserId: instance {instance!r} has no agent {user!r}.")
    if status not in list(Presence):
        raise NotFound(f"AgentStatusId: there is no status {status!r}; there are {', '.join(Presence)}.")
    await become(parts, instance, user, Presence(status), when_free=True)
    return {}
