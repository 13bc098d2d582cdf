"""Operations for agents and supervisors, and the agent socket."""

from api.agent import (
    agent_status,
    authentication,
    contacts,
    monitoring,
    notes,
    offers,
    queue_overview,
    queue_transfers,
    queues,
    socket,
    supervision,
    token_exchange,
    transfer_targets,
)

# notes before contacts: `POST /contacts/{contact_id}/{action}` would match `.../notes`
MODULES = (
    authentication,
    token_exchange,
    notes,
    contacts,
    agent_status,
    offers,
    transfer_targets,
    queues,
    supervision,
    monitoring,
    queue_overview,
    queue_transfers,
    socket,
)
"""Modules with routes, in the order in which they are matched."""
