"""Names of the Amazon Connect operations that this API does not support, from botocore's own service models."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from botocore.loaders import Loader

from domain.errors import Fault, MalformedRequest, UnknownOperation


def unsupported_operation(method: str, path: str) -> Fault:
    """Return the error for a request that no route matches."""
    for pattern, service, operation in _operations():
        if pattern.fullmatch(f"{method} {path}"):
            return MalformedRequest(f"{service}:{operation} is not served by Perennial.")
    return UnknownOperation(f"There is no operation {method} {path}.")


@cache
def _operations() -> list[tuple[re.Pattern[str], str, str]]:
    """Pattern of method and path, service and name of every operation. Loaded on first use."""
    found: list[tuple[re.Pattern[str], str, str]] = []
    for service in ("connect", "connectparticipant"):
        model: dict[str, Any] = Loader().load_service_model(service, "service-2")
        for name, operation in model["operations"].items():
            uri = operation["http"]["requestUri"].partition("?")[0]
            parts = re.split(r"\{[^}]+\}", uri)
            pattern = operation["http"]["method"] + " " + "[^/]+".join(re.escape(part) for part in parts)
            found.append((re.compile(pattern), service, name))
    return found
