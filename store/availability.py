"""What every store does while it is away: it says so to its callers, and logs it once in a second."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from time import monotonic

from domain.errors import StoreUnavailable
from store.failures import cause_of, is_away

logger = logging.getLogger(__name__)

LOG_SECONDS = 1.0
"""While the store is away, a process logs it once in this time."""


class Availability:
    """Tells failures of one store that pass from all others."""

    def __init__(self) -> None:
        self._logged_at = -LOG_SECONDS

    @contextmanager
    def expected(self) -> Generator[None]:
        """Raises `StoreUnavailable` for a failure in the block because of which the store counts as away."""
        try:
            yield
        except Exception as error:
            if not is_away(error):
                raise
            if monotonic() - self._logged_at >= LOG_SECONDS:
                self._logged_at = monotonic()
                logger.error("the store does not answer: %s", cause_of(error))
            raise StoreUnavailable from error
