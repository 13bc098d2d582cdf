"""Ids that follow from a `ClientToken`, so that a repeated request creates nothing new."""

from __future__ import annotations

from uuid import UUID, uuid4, uuid5


def id_from_client_token(namespace: UUID, client_token: str | None, *, scope: str = "") -> str:
    """Return the id for what a request creates: the same one for ever for the same arguments.

    Args:
        namespace: separates the ids of different operations, or of different participants.
        client_token: the `ClientToken` of the request. Without one (None or empty) the id is random.
        scope: within what the token is unique, such as an instance; empty if the namespace says it.
    """
    if not client_token:
        return str(uuid4())
    return str(uuid5(namespace, f"{scope}/{client_token}" if scope else client_token))
