"""How the world talks to conversations: Connect-compatible HTTP, the WebSocket, and the agent's desk."""
