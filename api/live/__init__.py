"""Delivery: WebSockets, presence, and the fan-out of transcript items to both."""
