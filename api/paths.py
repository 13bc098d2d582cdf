"""Encoded slashes in paths.

A path parameter may contain an encoded slash (an ARN as InstanceId). If it were decoded before routing, the path would be split
there. So the router sees `%2F`, and the parameters are decoded afterwards.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import unquote

from fastapi import Path
from pydantic import BeforeValidator
from starlette.types import ASGIApp, Receive, Scope, Send

from wire.models import ContactId, FlowId, InstanceId, QueueId, UserId


class EncodedSlashes:
    """ASGI middleware that keeps `%2F` in the path encoded."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Decode the rest of the path, and forward the request."""
        raw: bytes | None = scope.get("raw_path")
        if raw and b"%2f" in raw.lower():
            parts = raw.decode("ascii").replace("%2f", "%2F").split("%2F")
            scope = {**scope, "path": "%2F".join(unquote(part) for part in parts)}
        await self._app(scope, receive, send)


def decoded_slashes(value: str) -> str:
    """Return a path parameter with its slashes decoded."""
    return value.replace("%2F", "/")


def resource_id(value: str) -> str:
    """Return the id in a value that may be an id or an ARN: the part after the last slash."""
    return value.rpartition("/")[2]


InstanceIdInPath = Annotated[InstanceId, BeforeValidator(decoded_slashes), Path(alias="InstanceId")]
ContactIdInPath = Annotated[ContactId, BeforeValidator(decoded_slashes), Path(alias="ContactId")]
InitialContactIdInPath = Annotated[ContactId, BeforeValidator(decoded_slashes), Path(alias="InitialContactId")]
QueueIdInPath = Annotated[QueueId, BeforeValidator(decoded_slashes), Path(alias="QueueId")]
FlowIdInPath = Annotated[FlowId, BeforeValidator(decoded_slashes), Path(alias="ContactFlowId")]
UserIdInPath = Annotated[UserId, BeforeValidator(decoded_slashes), Path(alias="UserId")]
