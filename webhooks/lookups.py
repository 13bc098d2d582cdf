"""Looks up the addresses of receivers.

A lookup blocks its thread, for half a minute when no name server answers. So lookups have threads of their own: the process needs
its others for the store and for files. A host is looked up once at a time, so a webhook whose host nobody finds holds one thread.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from socket import IPPROTO_TCP, getaddrinfo
from typing import Any

LOOKUPS_AT_ONCE = 16
"""How many hosts are looked up at the same time. Others wait, and their attempts fail if that takes too long."""


class Lookups:
    """The lookups of one event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, "lookup")
        self._running: dict[tuple[str, int], asyncio.Future[Any]] = {}

    async def address(self, host: str, port: int) -> str:
        """Return an address of a host. A caller that is cancelled leaves the lookup to those that wait for it, too.

        Raises:
            OSError: there is no such host.
            UnicodeError: no host can have this name.
        """
        key = host, port
        if (running := self._running.get(key)) is None:
            look_up = partial(getaddrinfo, host, port, proto=IPPROTO_TCP)
            running = asyncio.get_running_loop().run_in_executor(self._threads, look_up)
            self._running[key] = running
            running.add_done_callback(partial(self._forget, key))
        found = await asyncio.shield(running)
        return str(found[0][4][0])

    def close(self) -> None:
        """End. Does not wait for lookups that are under way."""
        for running in list(self._running.values()):
            running.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _forget(self, key: tuple[str, int], done: asyncio.Future[Any]) -> None:
        del self._running[key]
        if not done.cancelled():
            done.exception()  # nobody may wait for it any more
