"""The uploads that arrive in a process at this moment, each in a temporary file. They are limited, because the disk is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from domain.errors import TooFast, Unavailable
from store.attachments import StoredAttachment

MAX_BYTES = 500_000_000
"""How many announced bytes may arrive at the same time."""

MAX_OF_PARTICIPANT = 3
"""How many uploads of one participant may arrive at the same time. A client that has lost an upload sends it once more."""


class ArrivingUploads:
    """Counts the uploads that arrive."""

    def __init__(self) -> None:
        self._bytes = 0
        self._by_participant: Counter[str] = Counter()

    @contextmanager
    def counted(self, attachment: StoredAttachment) -> Generator[None]:
        """Count an upload for the time of the block.

        Raises:
            TooFast: as many of its participant arrive as may.
            Unavailable: as many bytes arrive as may.
        """
        participant = attachment.participant_id
        if self._by_participant[participant] >= MAX_OF_PARTICIPANT:
            raise TooFast(f"{MAX_OF_PARTICIPANT} uploads of the participant are under way, which is the limit.")
        if self._bytes + attachment.size > MAX_BYTES:
            raise Unavailable("This process receives as many uploads as it can. Try again later.")
        self._bytes += attachment.size
        self._by_participant[participant] += 1
        try:
            yield
        finally:
            self._bytes -= attachment.size
            self._by_participant[participant] -= 1
            self._by_participant = +self._by_participant
