"""MonitorContact: a supervisor monitors a chat, silently at first."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from annotated_types import MaxLen
from fastapi import APIRouter, Request

from api.audit import AuditedRoute, begin_audit
from api.bodies import JsonBody
from api.client_tokens import token_request
from api.connect.authentication import ByAgentsKey
from api.connect.contacts import find_contact
from api.connect.users import require_user
from api.dependencies import ServicesInRequest
from api.paths import resource_id
from api.refusals import refusal_error
from domain.errors import AccessDenied, MalformedRequest
from routing.monitoring import supervisor_id
from store.monitors import Monitor
from wire.arns import contact_arn
from wire.models import ClientToken, ContactId, InstanceId, Remark, UserId, WireModel

router = APIRouter(route_class=AuditedRoute)

_NAMESPACE = UUID("c1a4b8b0-0f2d-4d5e-8a57-6d1c6f0a9b3e")


class MonitorContact(WireModel):
    """POST /contact/monitor. Without `AllowedMonitorCapabilities` the supervisor monitors silently."""

    instance_id: InstanceId
    contact_id: ContactId
    user_id: UserId
    allowed_monitor_capabilities: Annotated[
        Annotated[list[Literal["SILENT_MONITOR", "BARGE"]], MaxLen(2)] | None,
        Remark("with BARGE alone the supervisor joins at once"),
    ] = None
    client_token: ClientToken | None = None


@router.post("/contact/monitor")
async def monitor_contact(
    request: Request, services: ServicesInRequest, caller: ByAgentsKey, body: JsonBody[MonitorContact]
) -> dict[str, Any]:
    """MonitorContact. The supervisor's client gets the event `monitor`, and asks for the `chatDetails` as an agent does."""
    instance, settings = services.instance(body.instance_id, caller.instances)
    user = resource_id(body.user_id)
    audited = begin_audit(request, instance, caller.actor)
    require_user(instance, settings, user)
    if not settings.agents[user].supervisor:
        raise AccessDenied(f"UserId: {user!r} is no supervisor.")
    contact, conversation = await find_contact(services, instance, body.contact_id)
    audited.target = f"agents/{user}/contacts/{contact.id}"
    if contact.agent_user == user and contact.ended_at is None:
        raise MalformedRequest("UserId: has this contact now, as its agent.")
    allowed = set(body.allowed_monitor_capabilities or ("SILENT_MONITOR",))
    monitor = Monitor(
        participant_id=supervisor_id(conversation.id, user),
        conversation_id=conversation.id,
        contact_id=contact.id,
        user=user,
        name=settings.agents[user].name,
        may_barge="BARGE" in allowed,
    )
    async with services.client_tokens.claim(
        token_request(_NAMESPACE, body, body.client_token, scope=conversation.id), monitor.participant_id
    ):
        await services.monitoring.begin(instance, monitor)
        if allowed == {"BARGE"} and (refused := await services.monitoring.barge(monitor)):
            raise refusal_error(refused, "ContactId")
    return {"ContactId": contact.id, "ContactArn": contact_arn(instance, contact.id)}
