"""Webhooks at run time: create, change and delete them, and enable one that is disabled. For backends, with their access key.

Their secrets are made here, and shown once. A webhook of the file is changed in the file.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from secrets import token_bytes
from typing import Annotated, Any, Literal

from annotated_types import MaxLen
from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from api.administration.administrators import ByAdministrator, InstanceAdministrator
from api.administration.webhooks import NameInPath
from api.audit import AuditedRoute
from api.bodies import JsonBody
from api.dependencies import Services, ServicesInRequest
from api.openapi import ACCESS_KEY, EmptyResponse, ResponseBody, error_responses, example
from configuration.errors import InvalidConfiguration
from configuration.merging import section_as_json
from configuration.schema.sections import Identifier
from configuration.schema.webhooks import SECRET_PREFIX, WebhookSettings
from domain.errors import EngineUnavailable, MalformedRequest, NotFound
from domain.webhooks import WebhookFormat, WebhookSignal, WebhookState
from store.webhooks import WebhookKey, find_webhook, remove_webhook, set_webhook_state
from wire.models import Text

KIND = "webhooks"
SECRET_BYTES = 32

router = APIRouter(
    prefix="/v1/instances/{instance}/webhooks",
    tags=["webhooks"],
    route_class=AuditedRoute,
    dependencies=[Depends(ACCESS_KEY)],
    responses=error_responses(message="webhooks.crm.url: must be https://..., or http:// for this machine."),
)

_REQUEST: dict[str, Any] = {"url": "https://crm.example.org/hook", "types": ["message", "contact.parked"]}
_SETTINGS = {**_REQUEST, "content": False, "max_in_flight": 5, "format": "cloudevents", "in_file": False}

NewNameInPath = Annotated[Identifier, Path(alias="webhook", description="Name of the webhook.", examples=["crm"])]


class WebhookRequest(BaseModel):
    """A webhook. What is absent has its default."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, json_schema_extra={"example": _REQUEST})

    url: Annotated[Text, MaxLen(2_000)]
    types: Annotated[list[Annotated[Text, MaxLen(100)]], MaxLen(100)] = Field(default_factory=list)
    content: bool = False
    max_in_flight: int = 5
    format: Literal["cloudevents", "eventbridge"] = "cloudevents"


class WebhookSettingsResponse(ResponseBody):
    """A webhook as it is configured, without its secrets. `in_file`: whether only the file can change it."""

    model_config = example({"name": "crm", **_SETTINGS})

    name: str
    url: str
    types: list[str]
    content: bool
    max_in_flight: int
    format: WebhookFormat
    in_file: bool


class CreatedWebhookResponse(WebhookSettingsResponse):
    """A webhook, and the secret that signs. `secret` is null when the webhook existed already: it is shown once."""

    model_config = example({"name": "crm", **_SETTINGS, "secret": "whsec_..."})

    secret: str | None


class SecretResponse(ResponseBody):
    """The new secret. It is shown once."""

    model_config = example({"secret": "whsec_..."})

    secret: str


@router.get("/{webhook}")
async def get_webhook(name: NameInPath, services: ServicesInRequest, admin: ByAdministrator) -> WebhookSettingsResponse:
    """Returns a webhook as it is configured."""
    await services.configuration.refresh()
    return WebhookSettingsResponse(**_shown(services, admin, name))


@router.put("/{webhook}")
async def put_webhook(
    name: NewNameInPath, services: ServicesInRequest, admin: ByAdministrator, body: JsonBody[WebhookRequest]
) -> CreatedWebhookResponse:
    """Creates a webhook, or changes one that was created here. A new one begins with the events after its creation.

    All workers take it up within seconds. A changed one keeps its secrets and its position.
    """
    await services.configuration.refresh()
    known = _webhooks(services, admin).get(name)
    if known:
        _refuse_of_file(services, admin, name)
    else:
        await _forget(services, admin, name)
    secret = _new_secret()

    def table(now: WebhookSettings | None) -> dict[str, Any]:
        return {**body.model_dump(), "secrets": list(now.secrets) if now else [secret]}

    written = await _write(services, admin, name, table)
    if known:
        await _try_now(services, admin, name)
    is_new = written["secrets"] == [secret]
    return CreatedWebhookResponse(**_shown(services, admin, name), secret=secret if is_new else None)


@router.delete("/{webhook}")
async def delete_webhook(name: NameInPath, services: ServicesInRequest, admin: ByAdministrator) -> EmptyResponse:
    """Deletes a webhook that was created here, its position and its deliveries. What is not delivered yet is not sent."""
    await _own(services, admin, name)
    await services.configuration.reset(admin.instance, KIND, name)
    await _forget(services, admin, name)
    return EmptyResponse()


@router.post("/{webhook}/secrets")
async def replace_secret(name: NameInPath, services: ServicesInRequest, admin: ByAdministrator) -> SecretResponse:
    """Makes another secret. The last one signs beside it, until this operation is called again."""
    secret = _new_secret()
    await _own(services, admin, name)

    def table(now: WebhookSettings | None) -> dict[str, Any]:
        if now is None:
            raise _unknown(admin, name)
        return {**section_as_json(now), "secrets": [secret, now.secrets[0]]}

    await _write(services, admin, name, table)
    return SecretResponse(secret=secret)


@router.post("/{webhook}/enable")
async def enable_webhook(name: NameInPath, services: ServicesInRequest, admin: ByAdministrator) -> EmptyResponse:
    """Sends again from where it stopped, to a webhook that is disabled or paused. Also one of the file."""
    if name not in _webhooks(services, admin):
        raise _unknown(admin, name)
    key = WebhookKey(admin.instance, name)
    found = await find_webhook(services.db, key)
    is_stopped = found and found.state is not WebhookState.SENDING
    if is_stopped and not await services.engine.signal_webhook(admin.instance, name, WebhookSignal.RESUME):
        await set_webhook_state(services.db, key, WebhookState.SENDING, datetime.now(UTC))
    return EmptyResponse()


async def _own(services: Services, admin: InstanceAdministrator, name: str) -> WebhookSettings:
    """A webhook that was created at run time.

    Raises:
        NotFound: there is none with this name.
        MalformedRequest: it is of the file.
    """
    await services.configuration.refresh()
    found = _webhooks(services, admin).get(name)
    if found is None:
        raise _unknown(admin, name)
    _refuse_of_file(services, admin, name)
    return found


async def _write(
    services: Services,
    admin: InstanceAdministrator,
    name: str,
    table: Callable[[WebhookSettings | None], dict[str, Any]],
) -> dict[str, Any]:
    """Write the table that is made of the present one; None: there is none. So two requests at once lose no secret."""
    try:
        written = await services.configuration.change(
            admin.instance, KIND, name, lambda instance: table(instance.webhooks.get(name)), by=admin.key_id
        )
    except InvalidConfiguration as problem:
        raise MalformedRequest(f"{problem}.") from None
    return written or {}


async def _forget(services: Services, admin: InstanceAdministrator, name: str) -> None:
    """Delete what the store has of a webhook that the configuration does not have. The workflow of one that fails then ends."""
    key = WebhookKey(admin.instance, name)
    if found := await find_webhook(services.db, key):
        await remove_webhook(services.db, key)
        await _wake_workflow(services, admin, name, found.state)


async def _try_now(services: Services, admin: InstanceAdministrator, name: str) -> None:
    """Have a webhook that fails be tried with the changed configuration."""
    if found := await find_webhook(services.db, WebhookKey(admin.instance, name)):
        await _wake_workflow(services, admin, name, found.state)


async def _wake_workflow(services: Services, admin: InstanceAdministrator, name: str, state: WebhookState) -> None:
    """Have the workflow of a webhook that fails try again at once. While the engine is away it does so later."""
    if state is not WebhookState.SENDING:
        with suppress(EngineUnavailable):
            await services.engine.signal_webhook(admin.instance, name, WebhookSignal.RETRY_NOW)


def _refuse_of_file(services: Services, admin: InstanceAdministrator, name: str) -> None:
    if services.configuration.is_of_file(admin.instance, KIND, name):
        raise MalformedRequest(f"webhook: {name!r} is a webhook of the configuration file, and is changed there.")


def _webhooks(services: Services, admin: InstanceAdministrator) -> dict[str, WebhookSettings]:
    return services.configuration.instances[admin.instance].webhooks


def _unknown(admin: InstanceAdministrator, name: str) -> NotFound:
    return NotFound(f"webhook: instance {admin.instance!r} has no webhook {name[:100]!r}.")


def _shown(services: Services, admin: InstanceAdministrator, name: str) -> dict[str, Any]:
    found = _webhooks(services, admin).get(name)
    if found is None:
        raise _unknown(admin, name)
    return {
        "name": name,
        "url": found.url,
        "types": list(found.types),
        "content": found.content,
        "max_in_flight": found.max_in_flight,
        "format": found.format,
        "in_file": services.configuration.is_of_file(admin.instance, KIND, name),
    }


def _new_secret() -> str:
    return SECRET_PREFIX + b64encode(token_bytes(SECRET_BYTES)).decode()
