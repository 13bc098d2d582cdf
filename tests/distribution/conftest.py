"""A separate Temporal server and store, so that the dispatchers here see no other conversations."""

from __future__ import annotations

from tests.workflows.conftest import engine, environment

__all__ = ["engine", "environment"]
