from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from domain.instants import whole_milliseconds
from routing.announced_positions import announced_positions, claim_announcement, delete_announcements
from store.database import Database


async def test_each_position_change_is_claimed_by_exactly_one_of_several_processes(db: Database) -> None:
    now = whole_milliseconds(datetime.now(UTC))
    for position in (3, 2, 3):
        results = await asyncio.gather(*(claim_announcement(db, "c", position, now) for _ in range(5)))
        assert sorted(results) == [False] * 4 + [True]
        assert await announced_positions(db, ["c", "d"]) == {"c": position}
    await delete_announcements(db, now)
    assert await announced_positions(db, ["c"]) == {"c": 3}
    await delete_announcements(db, now + timedelta(seconds=1))
    assert await announced_positions(db, ["c"]) == {}
