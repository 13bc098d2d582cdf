"""The control plane: the operations of the `connect` service that start, describe and stop chats."""
