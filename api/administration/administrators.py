"""The caller of an administration operation: a backend with an access key, and the instance that it administers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import MaxLen, MinLen
from fastapi import Depends, Path, Request

from api.audit import Audited, begin_audit
from api.connect.authentication import ByAdministrationKey
from api.dependencies import ServicesInRequest
from wire.models import Text

InstanceInPath = Annotated[
    Text, MinLen(1), MaxLen(100), Path(alias="instance", description="Id of the instance.", examples=["demo"])
]


@dataclass(frozen=True, slots=True)
class InstanceAdministrator:
    """A backend that may administer an instance, and what the audit log gets about its request."""

    key_id: str
    actor: str
    instance: str
    audited: Audited


async def _administrator(
    request: Request, instance: InstanceInPath, services: ServicesInRequest, caller: ByAdministrationKey
) -> InstanceAdministrator:
    name, _ = services.instance(instance, caller.instances, "instance")
    return InstanceAdministrator(caller.key_id, caller.actor, name, begin_audit(request, name, caller.actor))


ByAdministrator = Annotated[InstanceAdministrator, Depends(_administrator)]
