"""What operations write to the audit log: each that changes something, once it has succeeded."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from fastapi import Request, Response

from api.dependencies import Services
from api.openapi import DescribedRoute
from store.audit import AuditEntry, write_entries

MAX_NAME = 512
"""Longest actor or target, in characters."""


@dataclass
class Audited:
    """What the audit log gets about a request.

    Attributes:
        instance: the instance that it is about.
        actor: who sends it.
        target: to what; None: the parameters of its path, except the instance.
        counts: how many things it was about, by their names.
        is_noted: whether it is written to the log. By default that is every request but GET.
    """

    instance: str
    actor: str
    is_noted: bool
    target: str | None = None
    counts: dict[str, int] = field(default_factory=dict[str, int])


def begin_audit(request: Request, instance: str, actor: str) -> Audited:
    """Say what a request is about. Every operation of an `AuditedRoute` needs it, usually in a dependency."""
    request.state.audited = Audited(instance, actor, is_noted=request.method != "GET")
    return request.state.audited


class AuditedRoute(DescribedRoute):
    """Route of operations that the audit log has. When the log cannot be written, the request fails, though it had its effect."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See `APIRoute`."""
        handle = super().get_route_handler()

        async def handle_and_note(request: Request) -> Response:
            response = await handle(request)
            audited: Audited = request.state.audited
            if audited.is_noted:
                services: Services = request.app.state.services
                await write_entries(services.db, [_entry(audited, self.name, request.path_params)])
            return response

        return handle_and_note


def _entry(audited: Audited, action: str, parameters: dict[str, Any]) -> AuditEntry:
    target = audited.target
    if target is None:
        target = "/".join(str(value) for name, value in parameters.items() if name != "instance")
    return AuditEntry(
        id=str(uuid4()),
        instance=audited.instance,
        at=datetime.now(UTC),
        actor=audited.actor[:MAX_NAME],
        action=action,
        target=target[:MAX_NAME],
        counts=audited.counts,
    )
