"""A dispatcher that is killed or stopped: another process makes the next offers."""

from __future__ import annotations

import asyncio
import signal

import pytest

from domain.routing import AgentStatus
from routing.leases import leases
from routing.served_instances import LEASE, LOOK_INTERVAL
from runtime.periodic import JITTER
from tests.distribution.crash_scene import NAME, CrashScene, site

__all__ = ["site"]

pytestmark = pytest.mark.chaos

SLOW_MACHINE_SECONDS = 3.0
LOOK_SECONDS = LOOK_INTERVAL.total_seconds() * (1 + JITTER)
TAKEN_OVER_SECONDS = {
    signal.SIGKILL: LEASE.total_seconds() + LOOK_SECONDS,
    # by the announcement at once, where there is a bus between the processes; else by the next look
    signal.SIGTERM: LOOK_SECONDS,
}


@pytest.mark.parametrize("end", TAKEN_OVER_SECONDS, ids=lambda end: end.name)
async def test_another_dispatcher_makes_the_next_offer(site: CrashScene, end: signal.Signals) -> None:
    with site.worker(), site.dispatcher() as first:
        await site.set_status("a1", AgentStatus.AWAY)
        chat = await site.centre.start()
        holder = (await leases(site.centre.engine.db))[NAME].process_id
        with site.dispatcher():
            await site.wait_for_dispatchers(2)
            clock = asyncio.get_running_loop().time
            first.send_signal(end)
            await asyncio.to_thread(first.wait)
            ended_at = clock()
            await site.set_status("a1")
            await site.wait_for_stored_offer(chat)
            assert clock() - ended_at < TAKEN_OVER_SECONDS[end] + SLOW_MACHINE_SECONDS
            assert (await leases(site.centre.engine.db))[NAME].process_id != holder
            await site.centre.accept_offer(chat, "a1")
            await site.assert_accepted_once(chat)
            await site.centre.finish(chat)
