"""SIGKILL between every two steps of an assignment: the next process finds the assignment and completes it once."""

from __future__ import annotations

import asyncio

import pytest

from domain.events import AcceptOffer, RejectOffer
from domain.refusals import RefusalCode
from domain.routing import AgentStatus
from tests.distribution.crash_scene import TIMEOUT, CrashScene, site, wait_for_crash
from tests.distribution.crashing_process import Step
from tests.workflows.engine import eventually, refusal_code

__all__ = ["site"]

pytestmark = pytest.mark.chaos


@pytest.mark.parametrize(
    "step", [Step.OFFER_STORED, Step.OFFER_SIGNALLED, Step.OFFER_MARKED], ids=lambda step: step.name
)
async def test_offer_is_accepted_once_when_its_dispatcher_was_killed(site: CrashScene, step: Step) -> None:
    with site.worker():
        with site.dispatcher(crash_step=step) as crashing:
            await site.set_status("a1")
            chat = await site.centre.start()
            await wait_for_crash(crashing)
            row = await site.centre.row(chat)
            assert row.offer, "the offer is stored"
            assert row.delivered is (step is Step.OFFER_MARKED)
        with site.dispatcher():
            await site.wait_for_marked_offer(chat)
            await site.centre.accept_offer(chat, "a1")
            await site.assert_accepted_once(chat)
            await site.centre.finish(chat)
            next_chat = await site.centre.start()
            await site.centre.accept_offer(next_chat, "a1")
            await site.centre.finish(next_chat)


async def test_another_dispatcher_completes_the_offer_of_a_killed_one(site: CrashScene) -> None:
    with site.worker(), site.dispatcher(crash_step=Step.OFFER_STORED) as crashing:
        await site.set_status("a1")
        chat = await site.centre.start()
        await wait_for_crash(crashing)
        with site.dispatcher(), site.dispatcher():
            await site.wait_for_marked_offer(chat)
            await site.centre.accept_offer(chat, "a1")
            await site.assert_accepted_once(chat)
            next_chat = await site.centre.start()
            await site.set_status("a2")
            await site.centre.accept_offer(next_chat, "a2")
            await site.centre.finish(chat, next_chat)


@pytest.mark.parametrize("step", [Step.ACCEPTANCE_DECIDED, Step.ACCEPTANCE_STORED], ids=lambda step: step.name)
async def test_acceptance_is_recorded_once_when_the_worker_was_killed(site: CrashScene, step: Step) -> None:
    with site.dispatcher():
        await site.set_status("a1")
        with site.worker(crash_step=step) as crashing:
            chat = await site.centre.start()
            offer = await site.centre.wait_for_offer(chat)
            accepting = asyncio.create_task(chat.ask(AcceptOffer(offer_id=offer.id, by="a1")))
            await wait_for_crash(crashing)
            assert (await site.centre.row(chat)).stage == ("queued" if step is Step.ACCEPTANCE_DECIDED else "working")
        with site.worker():
            assert await asyncio.wait_for(accepting, TIMEOUT) is None
            await site.assert_accepted_once(chat)
            await site.centre.finish(chat)


@pytest.mark.parametrize("step", [Step.REJECTION_DECIDED, Step.REJECTION_STORED], ids=lambda step: step.name)
async def test_rejection_is_recorded_once_when_the_worker_was_killed(site: CrashScene, step: Step) -> None:
    with site.dispatcher():
        await site.set_status("a1")
        with site.worker(crash_step=step) as crashing:
            chat = await site.centre.start()
            offer = await site.centre.wait_for_offer(chat)
            rejecting = asyncio.create_task(chat.ask(RejectOffer(offer_id=offer.id, by="a1")))
            await wait_for_crash(crashing)
            await site.set_status("a2")
        with site.worker():
            assert refusal_code(await asyncio.wait_for(rejecting, TIMEOUT)) in (None, RefusalCode.OFFER_OVER)
            await site.centre.accept_offer(chat, "a2")
            await site.assert_accepted_once(chat, "a2", offers=2)
            await site.centre.finish(chat)


async def test_offer_made_without_a_worker_can_be_accepted_later(site: CrashScene) -> None:
    with site.dispatcher():
        await site.set_status("a1", AgentStatus.AWAY)
        with site.worker() as crashing:
            chat = await site.centre.start()
            crashing.kill()
        await site.set_status("a1")
        await site.wait_for_stored_offer(chat)
        with site.worker():
            await site.centre.accept_offer(chat, "a1")
            await site.assert_accepted_once(chat)
            await site.centre.finish(chat)


async def test_offer_that_expires_without_a_worker_frees_the_agent(site: CrashScene) -> None:
    """A dispatcher revokes the offer. The late placement of the conversation changes nothing."""
    with site.dispatcher():
        await site.set_status("a1", AgentStatus.AWAY)
        with site.worker() as crashing:
            chat = await site.centre.start("hasty")
            crashing.kill()
        await site.set_status("a1")
        await site.wait_for_stored_offer(chat)

        async def revoked() -> bool | None:
            agent = await site.centre.agent("a1")
            return True if agent.load == 0 else None

        await eventually(revoked, "the offer is revoked", TIMEOUT)
        with site.worker():
            await chat.wait_until(lambda state: state.offer is None, "the conversation has no offer")
            agent = await site.centre.agent("a1")
            assert (agent.load, agent.missed_offers) == (0, 0), "a revoked offer does not count as missed"
            await site.set_status("a2")
            await site.centre.accept_offer(chat, "a2")
            await site.centre.finish(chat)


async def test_all_chats_are_assigned_when_all_processes_were_killed(site: CrashScene) -> None:
    """Kills all processes while many chats are being assigned. Afterwards all chats are assigned within the capacity."""
    with site.worker() as worker, site.dispatcher() as dispatcher:
        await asyncio.gather(site.set_status("a1"), site.set_status("a2"))
        chats = [await site.centre.start() for _ in range(6)]
        worker.kill()
        dispatcher.kill()
    remaining = list(chats)
    with site.worker(), site.dispatcher():
        while remaining:
            loads = [await site.centre.load(user) for user in ("a1", "a2")]
            assert max(loads) <= 1
            states = [await chat.state() for chat in remaining]
            for chat, state in zip(list(remaining), states, strict=True):
                if state.offer:
                    await site.centre.accept_offer(chat)
                    await site.centre.finish(chat)
                    remaining.remove(chat)
        assert [await site.centre.load(user) for user in ("a1", "a2")] == [0, 0]
    assert all([(await site.centre.agent(user)).missed_offers == 0 for user in ("a1", "a2")])
