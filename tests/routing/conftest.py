"""The store fixtures, for the tests of routing."""

from tests.store.conftest import db, empty, fresh, migrated, url

__all__ = ["db", "empty", "fresh", "migrated", "url"]
