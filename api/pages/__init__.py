"""What the browser pages need beside the planes of Amazon Connect and of agents: their files, public chats, the demo."""
