"""Operations of supervisors on contacts that they monitor (MonitorContact): join visibly, and leave."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter

from api.agent.contacts import find_own_monitor
from api.agent.supervision import BySupervisor
from api.audit import AuditedRoute
from api.dependencies import ServicesInRequest
from api.openapi import EmptyResponse, error_responses
from api.refusals import refusal_error
from domain.errors import AccessDenied, NotFound
from wire.models import ContactId

router = APIRouter(
    prefix="/v1/supervision/contacts",
    tags=["supervision"],
    route_class=AuditedRoute,
    responses=error_responses(name="AccessDeniedException", message="Only a supervisor may do that."),
)

Action = Literal["barge", "leave"]


@router.post("/{contact_id}/monitor/{action}")
async def perform_monitor_action(
    contact_id: ContactId, action: Action, services: ServicesInRequest, supervisor: BySupervisor
) -> EmptyResponse:
    """Joins a contact that the supervisor monitors (`barge`), so that all see them and they can speak, or leaves it.

    A repeated `barge` changes nothing.
    """
    monitor = await find_own_monitor(services, supervisor, contact_id)
    if monitor is None:
        raise NotFound(f"contact_id: you do not monitor {contact_id!r}.")
    if action == "leave":
        await services.monitoring.leave(monitor.participant_id, monitor.conversation_id)
        return EmptyResponse()
    if not monitor.may_barge:
        raise AccessDenied("You may only monitor this contact silently.")
    if refused := await services.monitoring.barge(monitor):
        raise refusal_error(refused, action)
    return EmptyResponse()
