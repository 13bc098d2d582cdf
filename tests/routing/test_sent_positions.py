"""The queue positions that were sent to customers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from domain.instants import whole_milliseconds
from routing.sent_positions import delete_sent_positions, record_sent_position, sent_positions
from store.database import Database


async def test_each_position_change_is_claimed_by_exactly_one_of_several_processes(db: Database) -> None:
    now = whole_milliseconds(datetime.now(UTC))
    for position in (3, 2, 3):
        results = await asyncio.gather(*(record_sent_position(db, "c", position, now) for _ in range(5)))
        assert sorted(results) == [False] * 4 + [True]
        assert await sent_positions(db, ["c", "d"]) == {"c": position}
    await delete_sent_positions(db, now)
    assert await sent_positions(db, ["c"]) == {"c": 3}
    await delete_sent_positions(db, now + timedelta(seconds=1))
    assert await sent_positions(db, ["c"]) == {}
