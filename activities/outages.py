"""What an activity raises while the store is away: a failure that the SDK tries again without a word."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from domain.errors import StoreUnavailable


@contextmanager
def store_may_be_away() -> Generator[None]:
    """Turn `StoreUnavailable` into a benign failure. The store has logged it, once for all conversations.

    The SDK logs each attempt with its trace, unless the failure is benign.

    Raises:
        ApplicationError: the store is away.
    """
    try:
        yield
    except StoreUnavailable as error:
        kind = type(error).__name__
        raise ApplicationError(str(error), type=kind, category=ApplicationErrorCategory.BENIGN) from error
