"""The background work of routing in each API process: the dispatcher, queue positions, and agent disconnects."""
