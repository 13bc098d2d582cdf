"""Paths as the client encoded them.

A path parameter may hold an encoded slash (an ARN as InstanceId). Decoding before routing would split on it, so the
router sees `%2F` untouched, and parameters are decoded afterwards.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import unquote

from fastapi import Path
from pydantic import BeforeValidator
from starlette.types import ASGIApp, Receive, Scope, Send

from api.wire import ContactId, InstanceId, UserId


class EncodedSlashes:
    """ASGI middleware that keeps `%2F` in the path encoded."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rewrites the path where it matters and passes on."""
        raw: bytes | None = scope.get("raw_path")
        if raw and b"%2f" in raw.lower():
            parts = raw.decode("ascii").replace("%2f", "%2F").split("%2F")
            scope = {**scope, "path": "%2F".join(unquote(part) for part in parts)}
        await self._app(scope, receive, send)


def _with_slashes(value: str) -> str:
    return value.replace("%2F", "/")


def resource_id(value: str) -> str:
    """The id in a path parameter or member that may also hold an ARN: what follows the last slash."""
    return value.rpartition("/")[2]


InstanceIdInPath = Annotated[InstanceId, BeforeValidator(_with_slashes), Path(alias="InstanceId")]
ContactIdInPath = Annotated[ContactId, BeforeValidator(_with_slashes), Path(alias="ContactId")]
InitialContactIdInPath = Annotated[ContactId, BeforeValidator(_with_slashes), Path(alias="InitialContactId")]
UserIdInPath = Annotated[UserId, BeforeValidator(_with_slashes), Path(alias="UserId")]
