"""An empty store for every test, on both backends."""

from __future__ import annotations

from tests.store.conftest import db, url

__all__ = ["db", "url"]
