"""HTTP and WebSocket interface: Amazon Connect's operations, and our own for agents, supervisors and administrators."""
