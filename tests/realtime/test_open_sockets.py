"""The hand-over of the open sockets of a process: all of them, spread over the time, and no longer than it."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from datetime import timedelta

from realtime.open_sockets import STEP_SECONDS, OpenSockets

SHORT = timedelta(seconds=1)


class HeldClient:
    """A client that leaves when it is asked to, or not at all."""

    def __init__(self, sockets: OpenSockets, *, leaves: bool = True) -> None:
        self._held = ExitStack()
        self._held.enter_context(sockets.holding(self))
        self._leaves = leaves
        self.asked_at: list[float] = []

    async def hand_over(self) -> None:
        self.asked_at.append(asyncio.get_running_loop().time())
        if self._leaves:
            self._held.close()


async def duration(sockets: OpenSockets, within: timedelta) -> float:
    clock = asyncio.get_running_loop()
    began = clock.time()
    await sockets.hand_over(within)
    return clock.time() - began


async def test_many_sockets_are_spread_over_the_time() -> None:
    sockets = OpenSockets()
    clients = [HeldClient(sockets) for _ in range(1000)]
    await sockets.hand_over(SHORT)
    assert [len(client.asked_at) for client in clients] == [1] * 1000
    assert len(sockets) == 0
    times = sorted(client.asked_at[0] for client in clients)
    assert times[-1] - times[0] > SHORT.total_seconds() / 2
    steps = len(set(times))
    assert steps > 1000 / 5 / 50, "they were asked at once"


async def test_few_sockets_take_less_time() -> None:
    sockets = OpenSockets()
    clients = [HeldClient(sockets) for _ in range(3)]
    assert await duration(sockets, timedelta(seconds=60)) < 60 * STEP_SECONDS
    assert all(client.asked_at for client in clients)


async def test_socket_that_opens_meanwhile_is_handed_over_too() -> None:
    sockets = OpenSockets()
    HeldClient(sockets)
    handing_over = asyncio.create_task(sockets.hand_over(timedelta(seconds=30)))
    await asyncio.sleep(0)
    late = HeldClient(sockets)
    await handing_over
    assert late.asked_at


async def test_client_that_stays_does_not_prolong_the_time() -> None:
    sockets = OpenSockets()
    stubborn = HeldClient(sockets, leaves=False)
    assert await duration(sockets, SHORT) >= SHORT.total_seconds()
    assert len(stubborn.asked_at) == 1
