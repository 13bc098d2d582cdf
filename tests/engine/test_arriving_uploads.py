"""The uploads that arrive at the same time are limited: each takes room on the disk for as long as its client likes."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from domain.errors import TooFast, Unavailable
from engine.arriving_uploads import MAX_BYTES, MAX_OF_PARTICIPANT, ArrivingUploads
from store.attachments import StoredAttachment


def upload(participant: str, size: int = 1) -> StoredAttachment:
    return StoredAttachment(
        id="a",
        conversation_id="c",
        instance="demo",
        contact_id="c",
        participant_id=participant,
        name="bees.txt",
        content_type="text/plain",
        size=size,
        started_at=datetime.now(UTC),
    )


def test_a_participant_has_few_uploads_at_once() -> None:
    arriving = ArrivingUploads()
    with ExitStack() as stack:
        for _ in range(MAX_OF_PARTICIPANT):
            stack.enter_context(arriving.counted(upload("customer")))
        with pytest.raises(TooFast, match="3 uploads of the participant are under way"):
            stack.enter_context(arriving.counted(upload("customer")))
        stack.enter_context(arriving.counted(upload("agent")))
    with arriving.counted(upload("customer")):
        pass


def test_a_process_receives_so_many_bytes_at_once() -> None:
    arriving = ArrivingUploads()
    with ExitStack() as stack:
        for number in range(20):
            stack.enter_context(arriving.counted(upload(f"{number}", MAX_BYTES // 20)))
        with pytest.raises(Unavailable):
            stack.enter_context(arriving.counted(upload("another")))
    with arriving.counted(upload("another", MAX_BYTES)):
        pass
