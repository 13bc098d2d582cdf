"""Offers on the real engine: accepted, rejected, missed, withdrawn, and never lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.conversation import Mode, State
from domain.events import AcceptOffer, Assign, Close, Connect, End, MakeOffer, Park, Resume
from domain.refusals import RefusalCode
from domain.routing import AgentStatus, Offer, OfferOutcome
from routing import agent_configuration
from routing.agents import agent_states, configure_agents
from routing.offers import claim_offer, end_offer
from tests.distribution.contact_centre import LIVE, PERSISTENT, open_contact_centre
from tests.routing.routing_records import routing_row
from tests.workflows.engine import Engine, eventually, refusal_code
from tests.workflows.time_skipping import advance_to_timer
from workflows.timers import Timer

pytestmark = pytest.mark.slow

TWO = {"a1": {"capacity": 1}, "a2": {"capacity": 1}}
ONE = {"a1": {"capacity": 1}}
SHORT = {**LIVE, "offer_within": "PT1S"}


async def test_chat_takes_capacity_from_its_offer_to_the_end_of_wrap_up(engine: Engine) -> None:
    async with open_contact_centre(engine, ONE) as centre:
        chat = await centre.start()
        assert (await centre.wait_for_offer(chat)).user == "a1"
        assert await centre.load("a1") == 1, "an offer takes capacity from the first moment"
        await centre.accept_offer(chat)
        state = await chat.state()
        assert (state.state, state.agent and state.agent.user, state.offer) == (State.ACTIVE, "a1", None)
        row = await centre.row(chat)
        assert (row.stage, row.agent, row.offer, await centre.load("a1")) == ("working", "a1", None, 1)
        await chat.do(End(by="agent"), Close())
        assert await centre.load("a1") == 0


async def test_agent_who_rejects_a_chat_does_not_get_it_again_at_once(engine: Engine) -> None:
    async with open_contact_centre(engine, TWO) as centre:
        chat = await centre.start()
        first = await centre.reject_offer(chat)
        second = await centre.reject_offer(chat)
        assert {first, second} == {"a1", "a2"}
        await centre.assert_not_offered(chat)
        assert (await centre.load("a1"), await centre.load("a2")) == (0, 0)
        other = await centre.start()
        assert await centre.accept_offer(other), "another chat is offered at once"
        await centre.finish(chat, other)


async def test_missed_offer_ends_by_the_timer_of_the_conversation(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with open_contact_centre(engine, ONE, live={**LIVE, "offer_within": "PT10M"}) as centre:
        chat = await centre.start()
        offer = await centre.wait_for_offer(chat)
        state = await advance_to_timer(environment, chat, Timer.OFFER, offer.until)
        assert (state.state, state.offer) == (State.OPEN, None)
        await centre.assert_not_offered(chat)
        agent = await centre.agent("a1")
        assert (agent.load, agent.missed_offers, agent.status) == (0, 1, AgentStatus.AVAILABLE)
        await centre.finish(chat)


async def test_missed_offer_goes_to_the_next_agent(engine: Engine) -> None:
    async with open_contact_centre(engine, TWO, live=SHORT) as centre:
        chat = await centre.start()
        first = (await centre.wait_for_offer(chat)).user
        second = "a2" if first == "a1" else "a1"
        await centre.wait_for_offer(chat, second)
        await centre.accept_offer(chat, second)
        assert ((await centre.agent(first)).missed_offers, (await centre.agent(second)).missed_offers) == (1, 0)
        await centre.finish(chat)


async def test_agent_over_the_missed_offer_limit_is_away(engine: Engine) -> None:
    async with open_contact_centre(engine, {"a1": {"capacity": 4}}, live={**SHORT, "missed_offers": 2}) as centre:
        chats = [await centre.start(), await centre.start()]
        await centre.wait_for_status("a1", AgentStatus.AWAY)
        next_chat = await centre.start()
        await centre.assert_not_offered(*chats, next_chat)
        await centre.set_status("a1", AgentStatus.AVAILABLE)
        assert await centre.accept_offer(next_chat) == "a1", "an available agent gets offers again"
        assert (await centre.agent("a1")).missed_offers == 0
        await centre.finish(*chats, next_chat)


async def test_other_offers_of_an_agent_who_goes_away_are_withdrawn_at_once(engine: Engine) -> None:
    """The chat goes to the next agent long before its own offer expires."""
    agents = {"a1": {"capacity": 2}, "a2": {"capacity": 2}}
    hasty = {**LIVE, "offer_within": "PT2S", "missed_offers": 1}
    async with open_contact_centre(engine, agents, away=("a2",), live=LIVE, hasty=hasty) as centre:
        other, missed = await centre.start(), await centre.start("hasty")
        await centre.wait_for_offer(other, "a1")
        await centre.wait_for_offer(missed, "a1")
        await centre.set_status("a2", AgentStatus.AVAILABLE)
        await centre.wait_for_status("a1", AgentStatus.AWAY)
        assert await centre.accept_offer(other, "a2") == "a2"
        await centre.finish(other, missed)


@pytest.mark.parametrize("auto_accept", [True, False])
async def test_offer_that_routing_has_ended_cannot_be_accepted(engine: Engine, auto_accept: bool) -> None:
    """Also when the conversation does not know that it has ended: the agent's capacity can be in use again."""
    pick = {**PERSISTENT, "distribution": "pick", "auto_accept": auto_accept}
    async with open_contact_centre(engine, ONE, pick=pick) as centre:
        chat, now = await centre.start("pick"), datetime.now(UTC)
        offer = await claim_offer(engine.db, chat.id, "a1", now)
        assert isinstance(offer, Offer)
        assert await end_offer(engine.db, offer, OfferOutcome.WITHDRAWN, now)
        made = MakeOffer(offer_id=offer.id, user="a1", name="A1", until=offer.until)
        await chat.signal("offer", made.model_dump(mode="json", exclude={"kind"}))
        refused = await chat.ask(AcceptOffer(offer_id=offer.id, by="a1"))
        assert refusal_code(refused) is RefusalCode.OFFER_OVER
        state, row = await chat.state(), await centre.row(chat)
        assert (state.state, state.offer, row.stage, await centre.load("a1")) == (State.OPEN, None, "queued", 0)
        await centre.finish(chat)


@pytest.mark.parametrize("is_over", [False, True])
async def test_parked_chat_is_resumed_only_while_the_agent_s_claim_holds(engine: Engine, is_over: bool) -> None:
    """A command can come late. Meanwhile routing ends the claim, and the agent's capacity can be in use again."""
    pick = {**PERSISTENT, "distribution": "pick"}
    async with open_contact_centre(engine, ONE, pick=pick) as centre:
        chat, now = await centre.start("pick"), datetime.now(UTC)
        await chat.do(Assign(user="a1", name="A1"), Connect(by="agent"), Park(by="agent"))
        claimed = await claim_offer(engine.db, chat.id, "a1", now)
        assert isinstance(claimed, Offer)
        if is_over:
            assert await end_offer(engine.db, claimed, OfferOutcome.WITHDRAWN, now)
        resume = Resume(by="agent", user="a1", name="A1", offer_id=claimed.id)
        refused = [refusal_code(await chat.ask(resume)) for _ in range(2)]
        state, row = await chat.state(), await centre.row(chat)
        if is_over:
            assert refused == [RefusalCode.OFFER_OVER] * 2
            assert (state.state, row.stage, await centre.load("a1")) == (State.WAITING, "parked", 0)
        else:
            assert refused == [None, RefusalCode.WRONG_STATE]
            assert (state.state, row.stage, row.offer, await centre.load("a1")) == (State.ACTIVE, "working", None, 1)
        await centre.finish(chat)


async def test_auto_accept_assigns_the_chat_without_an_answer(engine: Engine) -> None:
    async with open_contact_centre(engine, ONE, live={**LIVE, "auto_accept": True}) as centre:
        chat = await centre.start()
        state = await chat.wait_until(lambda state: state.state is State.ACTIVE, "the chat is active")
        assert state.agent
        assert (state.agent.user, (await centre.row(chat)).stage) == ("a1", "working")
        await centre.finish(chat)


async def test_waiting_chat_is_offered_when_an_agent_becomes_available(engine: Engine) -> None:
    """The offer comes within a second, also without an announcement."""
    for announced in (True, False):
        async with open_contact_centre(engine, ONE, away=("a1",)) as centre:
            chat = await centre.start()
            await centre.assert_not_offered(chat)
            available_since = datetime.now(UTC)
            await centre.set_status("a1", AgentStatus.AVAILABLE, announced=announced)
            await centre.wait_for_offer(chat, "a1")
            offer = (await centre.row(chat)).offer
            assert offer
            assert offer.offered_at - available_since < timedelta(seconds=1.5)
            await centre.finish(chat)


async def test_assignment_to_another_agent_withdraws_the_offer(engine: Engine) -> None:
    async with open_contact_centre(engine, TWO) as centre:
        chat = await centre.start()
        offered_user = (await centre.wait_for_offer(chat)).user
        other = "a2" if offered_user == "a1" else "a1"
        await chat.do(Assign(user=other, name=other.upper(), by="supervisor"))
        assert (await centre.load(offered_user), await centre.load(other)) == (0, 1)
        agent = await centre.agent(offered_user)
        assert (agent.missed_offers, agent.status) == (0, AgentStatus.AVAILABLE), (
            "the missed-offer count does not change"
        )
        another = await centre.start()
        assert await centre.accept_offer(another) == offered_user
        await centre.finish(chat, another)


async def test_assignment_to_the_offered_agent_accepts_the_offer(engine: Engine) -> None:
    async with open_contact_centre(engine, ONE) as centre:
        chat = await centre.start()
        await centre.wait_for_offer(chat, "a1")
        await chat.do(Assign(user="a1", name="A1", by="supervisor"))
        row = await centre.row(chat)
        assert (row.stage, row.offer, await centre.load("a1")) == ("working", None, 1)
        await centre.finish(chat)


async def test_chat_that_ends_during_its_offer_frees_the_agent(engine: Engine) -> None:
    async with open_contact_centre(engine, ONE) as centre:
        chat, next_chat = await centre.start(), await centre.start()
        await centre.wait_for_offer(chat, "a1")
        await chat.do(End(by="customer"))
        assert (await chat.state()).state is State.CLOSED
        assert await centre.accept_offer(next_chat) == "a1"
        await centre.finish(next_chat)


async def test_chat_of_a_pick_workstream_is_not_offered(engine: Engine) -> None:
    async with open_contact_centre(engine, ONE, live={**LIVE, "distribution": "pick"}, pushed=LIVE) as centre:
        chat, next_chat = await centre.start(), await centre.start("pushed")
        assert await centre.accept_offer(next_chat) == "a1", "the other chat does not block it"
        await centre.finish(next_chat)
        await centre.assert_not_offered(chat)
        await centre.finish(chat)


async def test_chat_in_a_closed_queue_is_offered_when_the_queue_opens(engine: Engine) -> None:
    closed_hours: dict[str, Any] = {"time_zone": "UTC"}
    open_hours = {
        **closed_hours,
        "weekly": {day: ["00:00-24:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")},
    }
    workstream = {**LIVE, "outside_hours": "queue"}
    async with open_contact_centre(
        engine, ONE, hours={"office": closed_hours}, queues={"support": {"hours": "office"}}, live=workstream
    ) as centre:
        chat = await centre.start()
        await centre.assert_not_offered(chat)
        await centre.configuration.change(centre.name, "hours", "office", open_hours, by="test")
        await centre.wait_for_offer(chat, "a1")
        await centre.finish(chat)


async def test_chat_in_a_removed_queue_is_offered(engine: Engine) -> None:
    async with open_contact_centre(engine, ONE, away=("a1",), live=LIVE) as centre:
        chat = await centre.start()
        await centre.assert_not_offered(chat)
        await centre.configuration.change(centre.name, "workstreams", "live", {**LIVE, "queue": "elsewhere"}, by="test")
        await centre.set_status("a1", AgentStatus.AVAILABLE)
        assert await centre.accept_offer(chat) == "a1"
        await centre.finish(chat)


async def test_chat_of_a_removed_workstream_keeps_the_hours_of_its_queue(engine: Engine) -> None:
    closed_hours: dict[str, Any] = {"time_zone": "UTC"}
    removed = {**LIVE, "outside_hours": "queue"}
    async with open_contact_centre(
        engine,
        ONE,
        hours={"office": closed_hours},
        queues={"support": {"hours": "office"}},
        removed=removed,
        live=removed,
    ) as centre:
        chat = await centre.start("removed")
        await centre.configuration.change(centre.name, "workstreams", "removed", None, by="test")
        await centre.assert_not_offered(chat)
        await centre.configuration.change(centre.name, "queues", "support", {}, by="test")
        assert await centre.accept_offer(chat) == "a1"
        await centre.finish(chat)


async def test_terminated_chat_is_removed_from_routing(engine: Engine) -> None:
    async with open_contact_centre(engine, ONE, away=("a1",)) as centre:
        terminated, chat = await centre.start(), await centre.start()
        await centre.assert_not_offered(terminated, chat)
        await terminated.handle.terminate()
        await centre.set_status("a1", AgentStatus.AVAILABLE)
        assert await centre.accept_offer(chat) == "a1"
        assert await routing_row(engine.db, terminated.id) is None
        await centre.finish(chat)


async def test_agents_removed_by_another_process_are_restored(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """During a rolling restart, a process with an older file can remove agents."""
    monkeypatch.setattr(agent_configuration, "CONFIGURE_INTERVAL", timedelta(seconds=0.5))
    async with open_contact_centre(engine, ONE) as centre:
        await configure_agents(engine.db, centre.name, [], datetime.now(UTC))

        async def is_configured() -> bool | None:
            return True if await agent_states(engine.db, centre.name, datetime.now(UTC)) else None

        await eventually(is_configured, "a1 is configured again")


async def test_live_and_persistent_chats_are_offered_alike(engine: Engine) -> None:
    async with open_contact_centre(engine, ONE) as centre:
        for mode in Mode:
            chat = await centre.start(mode.value)
            assert await centre.accept_offer(chat) == "a1"
            await centre.finish(chat)
