"""UpdateParticipantRoleConfig: timers for customers and agents who do not write."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from annotated_types import Interval, MaxLen, MinLen
from fastapi import APIRouter
from pydantic import ConfigDict, model_validator

from api.bodies import JsonBody
from api.connect.authentication import ByChatsKey
from api.dependencies import ServicesInRequest
from api.openapi import DescribedRoute
from api.paths import ContactIdInPath, InstanceIdInPath, resource_id
from api.refusals import execute_or_raise
from domain.errors import MalformedRequest, NotFound
from domain.events import Configure, TimerSetting
from domain.participants import ParticipantTimer, Role
from store import conversations
from wire.models import WireModel

router = APIRouter(route_class=DescribedRoute)

_ROLES: Mapping[str, Literal[Role.CUSTOMER, Role.AGENT]] = {"CUSTOMER": Role.CUSTOMER, "AGENT": Role.AGENT}


class TimerValue(WireModel):
    """Duration of a timer in whole minutes, or `Unset`: exactly one of the two."""

    participant_timer_action: Literal["Unset"] | None = None
    participant_timer_duration_in_minutes: Annotated[int, Interval(ge=2, le=480)] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.participant_timer_action is None) == (self.participant_timer_duration_in_minutes is None):
            raise ValueError("must have exactly one of ParticipantTimerAction, ParticipantTimerDurationInMinutes")
        return self

    @property
    def limit(self) -> timedelta | None:
        """The duration; None removes the timer."""
        minutes = self.participant_timer_duration_in_minutes
        return None if minutes is None else timedelta(minutes=minutes)


class TimerConfig(WireModel):
    """One timer of a role."""

    participant_role: Literal["CUSTOMER", "AGENT"]
    timer_type: Literal["IDLE", "DISCONNECT_NONCUSTOMER"]
    timer_value: TimerValue

    def setting(self) -> TimerSetting:
        """Convert the timer to the setting for the conversation."""
        kind = ParticipantTimer(self.timer_type)
        return TimerSetting(role=_ROLES[self.participant_role], kind=kind, limit=self.timer_value.limit)


class ChatTimers(WireModel):
    """Timers to set or to remove. Timers that are not named stay as they are."""

    participant_timer_config_list: Annotated[list[TimerConfig], MinLen(1), MaxLen(6)]


class ChannelConfiguration(WireModel):
    """A union with one member, `Chat`."""

    model_config = ConfigDict(extra="forbid")

    chat: ChatTimers


class UpdateParticipantRoleConfig(WireModel):
    """PUT /contact/participant-role-config/{InstanceId}/{ContactId}."""

    channel_configuration: ChannelConfiguration


@router.put("/contact/participant-role-config/{InstanceId}/{ContactId}")
async def update_participant_role_config(
    instance_id: InstanceIdInPath,
    contact_id: ContactIdInPath,
    services: ServicesInRequest,
    caller: ByChatsKey,
    body: JsonBody[UpdateParticipantRoleConfig],
) -> dict[str, Any]:
    """UpdateParticipantRoleConfig. The timers belong to the whole chat, and survive transfers."""
    timers = _timer_settings(body.channel_configuration.chat)
    instance, _ = services.instance(instance_id, caller.instances)
    found = await conversations.find_contact(services.db, instance, resource_id(contact_id))
    if found is None:
        raise NotFound(f"ContactId: instance {instance!r} has no contact {contact_id!r}.")
    contact, conversation = found
    if contact.ended_at is not None:
        raise MalformedRequest("ContactId: the contact has ended.")
    command = Configure(timers=timers, by=caller.actor)
    await execute_or_raise(services.engine, conversation.id, command, "ContactId")
    return {}


def _timer_settings(chat: ChatTimers) -> tuple[TimerSetting, ...]:
    timers = chat.participant_timer_config_list
    if len({(timer.participant_role, timer.timer_type) for timer in timers}) < len(timers):
        raise MalformedRequest("ParticipantTimerConfigList: names a timer of a role twice.")
    return tuple(timer.setting() for timer in timers)
