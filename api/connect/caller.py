"""The authenticated caller as a parameter of an operation."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from api.connect.auth import Caller, authenticate
from api.services import Parts


async def _authenticated(request: Request, parts: Parts) -> Caller:
    return await authenticate(request, parts.settings)


Authenticated = Annotated[Caller, Depends(_authenticated)]
