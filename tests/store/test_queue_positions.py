from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from store.database import Database
from store.positions import forget_positions, note_position, told_positions
from store.schema import whole


async def test_each_position_change_is_claimed_by_exactly_one_of_several_processes(db: Database) -> None:
    now = whole(datetime.now(UTC))
    for position in (3, 2, 3):
        results = await asyncio.gather(*(note_position(db, "c", position, now) for _ in range(5)))
        assert sorted(results) == [False] * 4 + [True]
        assert await told_positions(db, ["c", "d"]) == {"c": position}
    await forget_positions(db, now)
    assert await told_positions(db, ["c"]) == {"c": 3}
    await forget_positions(db, now + timedelta(seconds=1))
    assert await told_positions(db, ["c"]) == {}
