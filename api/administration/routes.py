"""Operations that read and change the configuration of an instance. For backends, with their access key.

Tables have the same shape as in `perennial.toml`. A change is stored in the database and overrides the file until it is reset.
Other processes apply it within seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path

from api.administration.administrators import ByAdministrator
from api.administration.openapi import INSTANCE_RESPONSE, TABLE_BODY, TABLE_RESPONSE, TABLES, TABLES_RESPONSE
from api.audit import AuditedRoute
from api.bodies import JsonObject
from api.dependencies import ServicesInRequest
from api.openapi import ACCESS_KEY, EmptyResponse, error_responses
from configuration.current import Configuration
from configuration.errors import InvalidConfiguration
from configuration.merging import section_as_json, sections_of
from configuration.schema.sections import Identifier
from domain.errors import MalformedRequest, NotFound
from domain.instants import iso

router = APIRouter(
    prefix="/v1/instances/{instance}",
    tags=["administration"],
    route_class=AuditedRoute,
    dependencies=[Depends(ACCESS_KEY)],
    responses=error_responses(message='workstreams.live.open_age: must be a duration like PT10M or "never".'),
)

KindInPath = Annotated[str, Path(description=f"Kind of table: {', '.join(TABLES)}.", examples=["workstreams"])]
NameInPath = Annotated[str, Path(description="Name of the table, as in the file.", examples=["live"])]
IdentifierInPath = Annotated[Identifier, Path(description="Name of the table, as in the file.", examples=["live"])]
"""A name that the audit log gets although nothing else has looked at it."""


@dataclass(frozen=True, slots=True)
class Administrator:
    """A backend that may change the configuration of an instance."""

    key_id: str
    instance: str
    configuration: Configuration

    def tables(self, kind: str) -> dict[str, Any]:
        """Return the current tables of a kind by name, as JSON.

        Raises:
            NotFound: this kind does not exist.
        """
        if kind not in TABLES:
            raise NotFound(f"kind: there are no {kind!r}; there are {', '.join(TABLES)}.")
        found = sections_of(self.configuration.instances[self.instance], kind)
        return {name: section_as_json(section) for name, section in found.items()}

    def section(self, kind: str, name: str) -> dict[str, Any]:
        """Return one current table, as JSON.

        Raises:
            NotFound: this kind or table does not exist.
        """
        found: dict[str, Any] | None = self.tables(kind).get(name)
        if found is None:
            raise NotFound(f"name: instance {self.instance!r} has no {kind} {name!r}.")
        return found


async def _administrator(services: ServicesInRequest, caller: ByAdministrator) -> Administrator:
    await services.configuration.refresh()  # a caller must see changes that it has just made through another process
    return Administrator(caller.key_id, caller.instance, services.configuration)


AsAdministrator = Annotated[Administrator, Depends(_administrator)]


@router.get("", responses=INSTANCE_RESPONSE)
async def get_instance(admin: AsAdministrator) -> dict[str, Any]:
    """Returns the current configuration and, under `changes`, the changes at run time, with author and time.

    A change that no longer fits the file is not applied; `unfit` gives the reason.
    """
    configuration = admin.configuration
    return {
        "instance": admin.instance,
        "revision": configuration.revision(admin.instance),
        **{kind: admin.tables(kind) for kind in TABLES},
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


@router.get("/{kind}", responses=TABLES_RESPONSE)
async def get_tables(kind: KindInPath, admin: AsAdministrator) -> dict[str, Any]:
    """Returns the tables of a kind, by name."""
    return admin.tables(kind)


@router.get("/{kind}/{name}", responses=TABLE_RESPONSE)
async def get_table(kind: KindInPath, name: NameInPath, admin: AsAdministrator) -> dict[str, Any]:
    """Returns a table, in the form in which it can be put back."""
    return admin.section(kind, name)


@router.put("/{kind}/{name}", openapi_extra={"requestBody": TABLE_BODY}, responses=TABLE_RESPONSE)
async def put_table(kind: KindInPath, name: NameInPath, admin: AsAdministrator, value: JsonObject) -> dict[str, Any]:
    """Creates or replaces a table, and returns it. Running conversations apply a changed workstream at their next step."""
    admin.tables(kind)
    return await _change(admin, kind, name, _without_nulls(value)) or {}


@router.delete("/{kind}/{name}")
async def delete_table(kind: KindInPath, name: NameInPath, admin: AsAdministrator) -> EmptyResponse:
    """Deletes a table, also one of the file. Running conversations keep the settings that they have."""
    admin.section(kind, name)
    await _change(admin, kind, name, None)
    return EmptyResponse()


@router.post("/{kind}/{name}/reset")
async def reset_table(kind: KindInPath, name: IdentifierInPath, admin: AsAdministrator) -> EmptyResponse:
    """Discards the change of a table at run time, so that the file applies again. Without a change, nothing happens."""
    admin.tables(kind)
    try:
        await admin.configuration.reset(admin.instance, kind, name)
    except InvalidConfiguration as problem:
        raise MalformedRequest(f"{problem}.") from None
    return EmptyResponse()


def _without_nulls(value: Any) -> Any:
    """Return a table without its keys whose value is null. A file cannot say null either; such a key counts as absent."""
    if isinstance(value, dict):
        entries: dict[str, Any] = value
        return {key: _without_nulls(each) for key, each in entries.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    return value


async def _change(admin: Administrator, kind: str, name: str, value: dict[str, Any] | None) -> dict[str, Any] | None:
    try:
        return await admin.configuration.change(admin.instance, kind, name, value, by=admin.key_id)
    except InvalidConfiguration as problem:
        raise MalformedRequest(f"{problem}.") from None
