"""Whole deployments: how they start and stop, and what they do when a part is away. `make test-deployment`."""
