"""The store fixtures, for the tests of routing."""

from tests.store.conftest import db, empty, url

__all__ = ["db", "empty", "url"]
