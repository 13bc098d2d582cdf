"""Webhooks for people: how far each is, its last deliveries, a test, and a replay. For backends, with their access key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

from annotated_types import Interval
from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from api.administration.administrators import ByAdministrator, InstanceAdministrator
from api.agent.responses import Instant
from api.audit import AuditedRoute
from api.bodies import JsonBody
from api.dependencies import Services, ServicesInRequest
from api.feed.positions import known_position
from api.openapi import ACCESS_KEY, EmptyResponse, ResponseBody, error_responses, example
from configuration.schema.topics import TopicSettings
from configuration.schema.webhooks import ReceiverSettings, WebhookSettings
from domain.errors import NotFound
from store.webhooks import (
    Delivery,
    StoredWebhook,
    WebhookKey,
    find_webhook,
    last_deliveries,
    replay_webhook,
)
from webhooks.deliveries import deliver_test
from wire.models import Text

router = APIRouter(
    prefix="/v1/instances/{instance}/webhooks",
    tags=["webhooks"],
    route_class=AuditedRoute,
    dependencies=[Depends(ACCESS_KEY)],
    responses=error_responses(
        name="ResourceNotFoundException", message="webhook: instance 'demo' has no webhook 'crm'."
    ),
)

_AT = "2026-03-02T09:15:04.120Z"
_WEBHOOK = {"name": "crm", "url": "https://crm.example.org/hook", "state": "sending", "since": _AT, "position": "0-317"}
_DELIVERY = {
    "event_id": "5b0f8a36",
    "type": "message.created",
    "at": _AT,
    "status": 200,
    "milliseconds": 12,
    "answer": "",
}

NameInPath = Annotated[str, Path(alias="webhook", description="Name of the webhook, as in the file.", examples=["crm"])]


class WebhookResponse(ResponseBody):
    """A webhook or topic. `state`: `sending`, `failing`, `paused` or `disabled`. The last three are null before its start."""

    model_config = example(_WEBHOOK)

    name: str
    url: str
    state: str | None
    since: Instant | None
    position: str | None


class WebhooksResponse(ResponseBody):
    """The webhooks of an instance."""

    model_config = example({"webhooks": [_WEBHOOK]})

    webhooks: list[WebhookResponse]


class DeliveryResponse(ResponseBody):
    """An attempt to deliver an event. `status` is null without an answer; `answer` then says why."""

    model_config = example(_DELIVERY)

    event_id: str
    type: str
    at: Instant
    status: int | None
    milliseconds: int
    answer: str


class DeliveriesResponse(ResponseBody):
    """The last attempts, the latest first."""

    model_config = example({"deliveries": [_DELIVERY]})

    deliveries: list[DeliveryResponse]


class ReplayRequest(BaseModel):
    """After which position of the feed events are sent again."""

    model_config = example({"after": "0-317"})

    after: Annotated[Text, Field(max_length=40)]


@router.get("")
async def get_webhooks(services: ServicesInRequest, admin: ByAdministrator) -> WebhooksResponse:
    """Returns the webhooks and topics of an instance, and how far each is. A topic has no position of its own."""
    shown: list[WebhookResponse] = []
    for name, settings in _endpoints(services, admin).items():
        shown.append(_shown(name, settings, await find_webhook(services.db, WebhookKey(admin.instance, name))))
    return WebhooksResponse(webhooks=shown)


@router.get("/{webhook}/deliveries")
async def get_deliveries(
    name: NameInPath,
    services: ServicesInRequest,
    admin: ByAdministrator,
    limit: Annotated[int, Interval(ge=1, le=1_000), Query(description="Maximum number of attempts.")] = 100,
) -> DeliveriesResponse:
    """Returns the last attempts to deliver events, or items to a topic. The last 1,000 are kept."""
    if name not in _endpoints(services, admin):
        raise _no_webhook(admin, name)
    found = await last_deliveries(services.db, WebhookKey(admin.instance, name), limit)
    return DeliveriesResponse(deliveries=[_delivery(each) for each in found])


@router.post("/{webhook}/replay")
async def replay(
    name: NameInPath, services: ServicesInRequest, admin: ByAdministrator, body: JsonBody[ReplayRequest]
) -> EmptyResponse:
    """Sends all events after a position, again or for the first time. A webhook that fails stays with its workflow."""
    _settings(services, admin, name)
    position = await known_position(services.db, admin.instance, body.after)
    if not await replay_webhook(services.db, WebhookKey(admin.instance, name), position):
        raise NotFound(f"webhook: no worker has begun with {name!r} yet.")
    return EmptyResponse()


@router.post("/{webhook}/test")
async def send_test(name: NameInPath, services: ServicesInRequest, admin: ByAdministrator) -> DeliveryResponse:
    """Sends an event of the type `test` to the address, signed as all others. Returns what came of it."""
    settings = _settings(services, admin, name)
    sent = await deliver_test(services.receivers, settings, admin.instance, str(uuid4()), datetime.now(UTC))
    return _delivery(sent)


def _settings(services: Services, admin: InstanceAdministrator, name: str) -> WebhookSettings:
    found = services.configuration.instances[admin.instance].webhooks.get(name)
    if found is None:
        raise _no_webhook(admin, name)
    return found


def _endpoints(services: Services, admin: InstanceAdministrator) -> Mapping[str, ReceiverSettings]:
    instance = services.configuration.instances[admin.instance]
    return {**instance.webhooks, **instance.topics}


def _no_webhook(admin: InstanceAdministrator, name: str) -> NotFound:
    return NotFound(f"webhook: instance {admin.instance!r} has no webhook {name[:100]!r}.")


def _shown(name: str, settings: ReceiverSettings, found: StoredWebhook | None) -> WebhookResponse:
    if found is None:
        return WebhookResponse(name=name, url=settings.url, state=None, since=None, position=None)
    position = None if isinstance(settings, TopicSettings) else str(found.position)
    return WebhookResponse(name=name, url=settings.url, state=found.state, since=found.since, position=position)


def _delivery(delivery: Delivery) -> DeliveryResponse:
    return DeliveryResponse(
        event_id=delivery.event_id,
        type=delivery.type,
        at=delivery.at,
        status=delivery.status,
        milliseconds=delivery.milliseconds,
        answer=delivery.answer,
    )
