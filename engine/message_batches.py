"""Batches of messages, so that a busy conversation needs few signals.

While a signal of a conversation is being sent, new messages for it collect and go together in the next signal. Otherwise each
message is sent alone and at once. Messages of one conversation are sent in the order in which they were added.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from domain.events import Message, Messages
from domain.transcript import size_of

MAX_BATCH_MESSAGES = 50
MAX_BATCH_BYTES = 256_000
"""Content of one signal as JSON, in bytes. Well under Temporal's limit of 2 MB for a payload."""


class _PendingMessage(NamedTuple):
    message: Message
    sent: asyncio.Future[None]


class MessageBatches:
    """The pending messages of all conversations. Not thread-safe; belongs to one event loop."""

    def __init__(self, send: Callable[[str, Messages], Awaitable[None]]) -> None:
        """Use `send(conversation_id, messages)` to deliver a batch. It returns once the batch is durable."""
        self._send = send
        self._queues: dict[str, list[_PendingMessage]] = {}
        self._senders: set[asyncio.Task[None]] = set()

    async def add(self, conversation_id: str, message: Message) -> None:
        """Send a message with the next batch. Returns once that batch is durable, and raises its error otherwise."""
        pending = _PendingMessage(message, asyncio.get_running_loop().create_future())
        queue = self._queues.get(conversation_id)
        if queue is None:
            self._queues[conversation_id] = [pending]
            sender = asyncio.create_task(self._send_all(conversation_id))
            self._senders.add(sender)
            sender.add_done_callback(self._senders.discard)
        else:
            queue.append(pending)
        await pending.sent

    async def _send_all(self, conversation_id: str) -> None:
        queue = self._queues[conversation_id]
        while queue:
            batch = _first_batch(queue)
            del queue[: len(batch)]
            fault: Exception | None = None
            try:
                await self._send(conversation_id, Messages(messages=[pending.message for pending in batch]))
            except Exception as error:  # every error goes to the callers of `add`, who wait for the batch
                fault = error
            for pending in batch:
                if pending.sent.done():
                    continue  # its caller was cancelled
                if fault:
                    pending.sent.set_exception(fault)
                else:
                    pending.sent.set_result(None)
        del self._queues[conversation_id]


def _first_batch(queue: list[_PendingMessage]) -> list[_PendingMessage]:
    size = 0
    for count, pending in enumerate(queue[:MAX_BATCH_MESSAGES]):
        size += size_of(pending.message.content)
        if size > MAX_BATCH_BYTES and count:
            return queue[:count]
    return queue[:MAX_BATCH_MESSAGES]
