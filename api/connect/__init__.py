"""The control plane: operations of Amazon Connect's `connect` service, for backends."""
