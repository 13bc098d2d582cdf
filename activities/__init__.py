"""What a conversation *does*: its writes to the store, and what it tells the world."""
