"""Positions of the feed in requests."""

from __future__ import annotations

from domain.errors import InvalidValue, PositionGone
from store.database import Database
from store.feed import FeedPosition, start_of_feed


async def known_position(db: Database, instance: str, text: str | None) -> FeedPosition:
    """Return the position that a request names; without one the start of the feed.

    Raises:
        InvalidValue: it is no position.
        PositionGone: events after it are deleted.
    """
    start = await start_of_feed(db, instance)
    if text is None:
        return start
    position = FeedPosition.parse(text)
    if position is None:
        raise InvalidValue("after: is not the `position` of an event or the `next` of an answer.")
    if position < start:
        raise PositionGone(
            f"after: the events after this position are deleted. The earliest position is {str(start)!r}."
        )
    return position
