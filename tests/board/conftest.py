"""A Temporal server and a store of their own: whoever dispatches here looks at nobody else's conversations."""

from __future__ import annotations

from tests.workflows.conftest import engine, environment

__all__ = ["engine", "environment"]
