"""How long customer and agent may be silent in a chat: UpdateParticipantRoleConfig."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from annotated_types import Interval, MaxLen, MinLen
from fastapi import APIRouter, Request
from pydantic import ConfigDict, model_validator

from api.connect.caller import Authenticated
from api.paths import ContactIdInPath, InstanceIdInPath, resource_id
from api.refusals import ask_or_raise
from api.services import Parts
from api.wire import Wire, read_body
from domain.errors import MalformedRequest, NotFound
from store import conversations
from workflows.events import Configure, TimerSetting
from workflows.values import ParticipantTimer, Role

router = APIRouter()

_ROLES: Mapping[str, Literal[Role.CUSTOMER, Role.AGENT]] = {"CUSTOMER": Role.CUSTOMER, "AGENT": Role.AGENT}


class TimerValue(Wire):
    """How long a timer runs, in whole minutes, or that there is to be none: exactly one of the two."""

    participant_timer_action: Literal["Unset"] | None = None
    participant_timer_duration_in_minutes: Annotated[int, Interval(ge=2, le=480)] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.participant_timer_action is None) == (self.participant_timer_duration_in_minutes is None):
            raise ValueError("must have exactly one of ParticipantTimerAction, ParticipantTimerDurationInMinutes")
        return self

    @property
    def limit(self) -> timedelta | None:
        """The duration; None takes the timer away."""
        minutes = self.participant_timer_duration_in_minutes
        return None if minutes is None else timedelta(minutes=minutes)


class TimerConfig(Wire):
    """One timer of a role."""

    participant_role: Literal["CUSTOMER", "AGENT"]
    timer_type: Literal["IDLE", "DISCONNECT_NONCUSTOMER"]
    timer_value: TimerValue


class ChatTimers(Wire):
    """The timers to set or to take away; those that are not named stay as they are."""

    participant_timer_config_list: Annotated[list[TimerConfig], MinLen(1), MaxLen(6)]


class ChannelConfiguration(Wire):
    """A union whose only member is `Chat`."""

    model_config = ConfigDict(extra="forbid")

    chat: ChatTimers


class UpdateParticipantRoleConfig(Wire):
    """PUT /contact/participant-role-config/{InstanceId}/{ContactId}."""

    channel_configuration: ChannelConfiguration


@router.put("/contact/participant-role-config/{InstanceId}/{ContactId}")
async def update_participant_role_config(
    request: Request, instance_id: InstanceIdInPath, contact_id: ContactIdInPath, parts: Parts, caller: Authenticated
) -> dict[str, Any]:
    """UpdateParticipantRoleConfig. The timers are of the whole chat and survive transfers."""
    body = await read_body(request, UpdateParticipantRoleConfig)
    timers = _timer_settings(body.channel_configuration.chat)
    instance, _ = parts.instance(instance_id, caller.instances)
    found = await conversations.find_contact(parts.db, instance, resource_id(contact_id))
    if found is None:
        raise NotFound(f"ContactId: instance {instance!r} has no contact {contact_id!r}.")
    contact, conversation = found
    if contact.ended_at is not None:
        raise MalformedRequest("ContactId: the contact has ended.")
    command = Configure(timers=timers, by=f"api:{caller.key_id}")
    await ask_or_raise(parts.engine, conversation.id, command, "ContactId")
    return {}


def _timer_settings(chat: ChatTimers) -> tuple[TimerSetting, ...]:
    timers = chat.participant_timer_config_list
    if len({(timer.participant_role, timer.timer_type) for timer in timers}) < len(timers):
        raise MalformedRequest("ParticipantTimerConfigList: names a timer of a role twice.")
    return tuple(
        TimerSetting(
            role=_ROLES[timer.participant_role], kind=ParticipantTimer(timer.timer_type), limit=timer.timer_value.limit
        )
        for timer in timers
    )
