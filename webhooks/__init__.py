"""Webhooks: events of the feed, delivered to the addresses of backends, in order and at least once."""
