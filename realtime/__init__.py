"""Realtime: WebSockets, cursor feeds that deliver to them, and connection tracking."""
