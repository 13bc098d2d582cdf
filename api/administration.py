"""Administration: what is configured of an instance, read and changed while it runs. For backends, with their access key.

Tables have the shape that they have in `perennial.toml`. What is changed here is kept in the store and wins over the file;
`reset` lets the file count again. Other processes know of it within seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter, Depends, Path, Request
from pydantic_core import from_json

from api.connect.caller import Authenticated
from api.described import ACCESS_KEY, Nothing, refused
from api.frames import iso
from api.services import Parts
from api.tables import BODY, INSTANCE, TABLE, TABLES
from api.wire import Text, raw_body
from configuration.current import Configuration
from configuration.merging import KINDS, shown, table
from configuration.problems import Unfit
from domain.errors import MalformedRequest, NotFound

router = APIRouter(
    prefix="/v1/instances/{instance}",
    tags=["administration"],
    dependencies=[Depends(ACCESS_KEY)],
    responses=refused(because='workstreams.live.open_age: must be a duration like PT10M or "never".'),
)

InstanceInPath = Annotated[
    Text, MinLen(1), MaxLen(100), Path(alias="instance", description="Id of the instance.", examples=["demo"])
]
Kind = Annotated[str, Path(description=f"What it is: {', '.join(KINDS)}.", examples=["workstreams"])]
Name = Annotated[str, Path(description="Its name, as it is the key in the file.", examples=["live"])]


@dataclass(frozen=True, slots=True)
class Administrator:
    """A backend that may change an instance."""

    key_id: str
    instance: str
    configuration: Configuration

    def tables(self, kind: str) -> dict[str, Any]:
        """The tables of a kind as they count now, as JSON, by name.

        Raises:
            NotFound: there is no such kind.
        """
        if kind not in KINDS:
            raise NotFound(f"kind: there are no {kind!r}; there are {', '.join(KINDS)}.")
        found = table(self.configuration.instances[self.instance], kind)
        return {name: shown(section) for name, section in found.items()}

    def table(self, kind: str, name: str) -> dict[str, Any]:
        """One of them.

        Raises:
            NotFound: there is no such kind or name.
        """
        found: dict[str, Any] | None = self.tables(kind).get(name)
        if found is None:
            raise NotFound(f"name: instance {self.instance!r} has no {kind} {name!r}.")
        return found


async def _administrator(instance: InstanceInPath, parts: Parts, caller: Authenticated) -> Administrator:
    name, _ = parts.instance(instance, caller.instances)
    await parts.configuration.refresh()  # who has just changed something in another process finds it changed
    return Administrator(caller.key_id, name, parts.configuration)


Administers = Annotated[Administrator, Depends(_administrator)]


@router.get("", responses=INSTANCE)
async def whole(admin: Administers) -> dict[str, Any]:
    """All that counts now and, under `changes`, what of it was changed at run time, by whom and when.

    A change that does not fit the file any more does not count; `unfit` says why.
    """
    configuration = admin.configuration
    return {
        "instance": admin.instance,
        "revision": configuration.revision(admin.instance),
        **{kind: admin.tables(kind) for kind in KINDS},
        "changes": [
            {
                "kind": change.kind,
                "name": change.name,
                "deleted": change.value is None,
                "changed_at": iso(change.changed_at),
                "changed_by": change.changed_by,
                "unfit": reason,
            }
            for change, reason in configuration.changes(admin.instance)
        ],
    }


@router.get("/{kind}", responses=TABLES)
async def of_a_kind(kind: Kind, admin: Administers) -> dict[str, Any]:
    """The tables of a kind, by name."""
    return admin.tables(kind)


@router.get("/{kind}/{name}", responses=TABLE)
async def one(kind: Kind, name: Name, admin: Administers) -> dict[str, Any]:
    """A table. It can be put back as it is."""
    return admin.table(kind, name)


@router.put("/{kind}/{name}", openapi_extra={"requestBody": BODY}, responses=TABLE)
async def put(request: Request, kind: Kind, name: Name, admin: Administers) -> dict[str, Any]:
    """Creates or replaces a table, and answers with it. Conversations that run go by a changed workstream at their next step."""
    admin.tables(kind)
    return await _change(admin, kind, name, await _object(request)) or {}


@router.delete("/{kind}/{name}")
async def delete(kind: Kind, name: Name, admin: Administers) -> Nothing:
    """Deletes a table, also one of the file. Conversations that use it go on."""
    admin.table(kind, name)
    await _change(admin, kind, name, None)
    return Nothing()


@router.post("/{kind}/{name}/reset")
async def reset(kind: Kind, name: Name, admin: Administers) -> Nothing:
    """Forgets what was changed of a table at run time: what the file says of it counts again. Without a change, nothing."""
    admin.tables(kind)
    try:
        await admin.configuration.reset(admin.instance, kind, name)
    except Unfit as problem:
        raise MalformedRequest(f"{problem}.") from None
    return Nothing()


async def _change(admin: Administrator, kind: str, name: str, value: dict[str, Any] | None) -> dict[str, Any] | None:
    try:
        return await admin.configuration.change(admin.instance, kind, name, value, by=admin.key_id)
    except Unfit as problem:
        raise MalformedRequest(f"{problem}.") from None


async def _object(request: Request) -> dict[str, Any]:
    try:
        body = from_json(await raw_body(request) or b"{}", allow_inf_nan=False)
    except ValueError as error:
        raise MalformedRequest(f"The request body: Invalid JSON: {error}") from None
    if not isinstance(body, dict):
        raise MalformedRequest("The request body: must be an object.")
    return body  # pyright: ignore[reportUnknownVariableType]
