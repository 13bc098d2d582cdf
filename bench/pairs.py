"""Two workers and two API processes against one of each, under the same load, on PostgreSQL: `python -m bench.pairs`.

Both take turns beside the same Temporal server and the same PostgreSQL, so that other load on the machine affects both. Requests
alternate between the API processes, as a load balancer has them do.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import cycle
from pathlib import Path
from statistics import median

import aiohttp
import psutil

from bench.speed.client import Backend, Http
from bench.speed.measurements import Load, ProductLoad
from bench.speed.processes import ApartProduct, System, apart

ROUNDS = 3
CHATS, MESSAGES = 30, 30
"""Chats with one sender each, and what each of them sends in a round."""
LOAD = "load"
"""The part that sends and receives: this process."""


class SpreadHttp(Http):
    """A client whose requests go to several processes in turn."""

    def __init__(self, urls: Sequence[str], session: aiohttp.ClientSession) -> None:
        super().__init__(urls[0], session)
        self._urls = cycle(urls)

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> object:
        """Send a request to the next process."""
        self.url = next(self._urls)
        return await super().call(method, path, body, **headers)


async def measured(product: ApartProduct, of_each: int) -> Load:
    """One round with one or two processes of each kind."""
    async with AsyncExitStack() as stack:
        urls = [product.address]
        if of_each == 2:
            urls.append(await stack.enter_async_context(product.another_pair()))
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        system = System({**product.parts, LOAD: lambda: [os.getpid()]})
        chats = await ProductLoad.open(system, Backend(SpreadHttp(urls, session)), CHATS)
        stack.push_async_callback(chats.close)
        await chats.run(1, 5)
        return await chats.run(1, MESSAGES)


def print_loads(of_each: int, loads: Sequence[Load]) -> None:
    """Print the rate, and how much of a core each part has used."""
    rates = [load.delivered_rate for load in loads]
    print(f"{of_each} of each: {median(rates):.0f} delivered/s ({min(rates):.0f} to {max(rates):.0f})")
    for part in loads[0].cpu:
        cores = median(load.cpu[part] / load.delivered for load in loads)
        print(f"  {part}: {cores:.2f} of a core, {median(load.cpu_ms(part) for load in loads):.2f} ms a message")
    used = median(sum(load.cpu.values()) / load.delivered for load in loads)
    print(f"  all of them: {used:.2f} of {psutil.cpu_count()} cores")


async def main() -> None:
    """Measure and print."""
    loads: dict[int, list[Load]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory(prefix="perennial-bench-") as folder:
        async with apart(Path(folder)) as product:
            for number in range(ROUNDS):
                for of_each in (1, 2) if number % 2 else (2, 1):
                    loads[of_each].append(await measured(product, of_each))
                    print(f"{of_each} of each: {loads[of_each][-1].delivered_rate:.0f} delivered/s", flush=True)
    for of_each, found in loads.items():
        print_loads(of_each, found)
    ratios = [two.delivered_rate / one.delivered_rate for one, two in zip(loads[1], loads[2], strict=True)]
    print(f"two of each against one of each: {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    asyncio.run(main())
