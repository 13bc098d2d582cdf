"""The order of the messages of one sender: that in which their requests arrive, also when the sender awaits no answer.

A request takes its place in the line of its sender before anything is awaited. Before its message is passed on it waits until
those ahead have been passed on or refused.
"""

from __future__ import annotations

import asyncio

MAX_WAIT_SECONDS = 2.0
"""How long a message waits for those ahead, such as one whose body never arrives."""


class Place:
    """The place of a request in the line of its sender."""

    def __init__(self, lines: dict[bytes, Place], sender: bytes) -> None:
        ahead = lines.get(sender)
        self._lines = lines
        self._sender = sender
        self._ahead = ahead._left if ahead else None
        self._left = asyncio.get_running_loop().create_future()
        lines[sender] = self

    async def wait_for_turn(self) -> None:
        """Wait until all ahead have left the line, at most `MAX_WAIT_SECONDS`."""
        if self._ahead and not self._ahead.done():
            await asyncio.wait((self._ahead,), timeout=MAX_WAIT_SECONDS)

    def leave(self) -> None:
        """Leave the line. Those behind go on once all ahead have left, too. Repeated calls do nothing."""
        if self._lines.get(self._sender) is self:
            del self._lines[self._sender]
        if self._ahead and not self._ahead.done():
            self._ahead.add_done_callback(self._end)
        else:
            self._end()

    def _end(self, _: object = None) -> None:
        if not self._left.done():
            self._left.set_result(None)


class MessageOrder:
    """The lines of all senders of a process."""

    def __init__(self) -> None:
        self._lines: dict[bytes, Place] = {}

    def join(self, sender: bytes) -> Place:
        """Take the next place in the line of a sender, named by any text. Call `leave` on it in any case."""
        return Place(self._lines, sender)
