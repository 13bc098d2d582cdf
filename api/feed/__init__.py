"""The feed of events, for backends: what becomes of contacts, in order, and again from any position."""
