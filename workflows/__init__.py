"""Conversations: the state machine, the timers, and the workflow that runs them. Without I/O: activities do it."""
