"""Streams that begin at the moment in which their chat ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.connect.streaming import begin
from domain.contacts import EndReason
from store.streams import NewStream, is_streamed, next_items
from store.webhooks import WebhookKey
from tests.api.administration.test_webhook_changes import administered
from tests.store.sample_records import INSTANCE, after, item, opening, record, snapshot

pytestmark = pytest.mark.slow


async def test_a_stream_that_begins_after_the_end_is_over(tmp_path: Path) -> None:
    """The request has found the chat open. Nothing more comes that would end the stream."""
    ended = snapshot(1, state="CLOSED", ended_at=after(9), closed_at=after(9), end_reason=EndReason.AGENT_ENDED)
    async with administered(tmp_path) as hooks:
        await record(hooks.db, "c", opening=opening(), snapshot=ended, items=[item(1), item(2)])
        for id, topic, whole in (("rest", "one", False), ("all", "other", True)):
            assert await begin(hooks.services, NewStream(id, "c", INSTANCE, topic, whole)) == id
        assert not await is_streamed(hooks.db, "c")
        assert await next_items(hooks.db, WebhookKey(INSTANCE, "one"), 9) == []
        left = await next_items(hooks.db, WebhookKey(INSTANCE, "other"), 9)
        assert [each.item.seq for each in left] == [1, 2]
