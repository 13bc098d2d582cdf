"""Operations for agents and supervisors, and the agent socket."""

from api.agent import agent_status, authentication, contacts, notes, offers, queues, socket, supervision

# notes before contacts: `POST /contacts/{contact_id}/{action}` would match `.../notes`
MODULES = (authentication, notes, contacts, agent_status, offers, queues, supervision, socket)
"""Modules with routes, in the order in which they are matched."""
