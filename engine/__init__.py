"""The only access to Temporal for callers: starts conversations, signals them, and sends them commands."""
