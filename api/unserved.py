"""Naming the operations of the two services that are not served, from botocore's own models."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from botocore.loaders import Loader

from api.errors import Fault, Malformed, UnknownOperation


def unserved(method: str, path: str) -> Fault:
    """The error for a request that no route takes."""
    for pattern, service, operation in _operations():
        if pattern.fullmatch(f"{method} {path}"):
            return Malformed(f"{service}:{operation} is not served by Perennial.")
    return UnknownOperation(f"There is no operation {method} {path}.")


@cache
def _operations() -> list[tuple[re.Pattern[str], str, str]]:
    """Method, path and name of every operation; read from the installed package at the first miss."""
    found: list[tuple[re.Pattern[str], str, str]] = []
    for service in ("connect", "connectparticipant"):
        model: dict[str, Any] = Loader().load_service_model(service, "service-2")
        for name, operation in model["operations"].items():
            uri = operation["http"]["requestUri"].partition("?")[0]
            parts = re.split(r"\{[^}]+\}", uri)
            pattern = operation["http"]["method"] + " " + "[^/]+".join(re.escape(part) for part in parts)
            found.append((re.compile(pattern), service, name))
    return found
