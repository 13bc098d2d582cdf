"""The agents' desk: what their client sees and moves, and what supervisors do for them."""

from api.desk import contacts, notes, offers, presence, queues, signing_in, socket, supervision

# notes before contacts, which takes any other word there for an action
MODULES = (signing_in, notes, contacts, presence, offers, queues, supervision, socket)
"""Those with routes."""
