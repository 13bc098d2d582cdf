"""What a conversation *is*: its state machine, its timers and the workflow that keeps it. Touches nothing outside."""
