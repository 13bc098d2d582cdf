"""A contact-centre centre: one instance with its agents and a dispatcher, on the real engine and store, without HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from configuration.current import Configuration
from configuration.schema.instances import InstanceSettings
from domain.conversation import ConversationOpening, State
from domain.events import AcceptOffer, Command, Connect, End, RejectOffer
from domain.routing import AgentStatus
from engine.client import ConversationClient
from routing.agent_status import set_agent_status
from routing.agents import agent_states
from routing.dispatcher import Dispatcher
from routing.records import AgentState
from routing.rows import RoutingRow
from runtime.bus import LocalBus, routing_has_changed
from runtime.settings import Settings
from tests.routing.routing_records import routing_row
from tests.workflows.engine import Chat, Engine, eventually
from workflows.state_parts import PendingOffer

LIVE: dict[str, Any] = {"mode": "live", "queue": "support"}
PERSISTENT: dict[str, Any] = {"mode": "persistent", "queue": "support"}


class CountingDispatcher(Dispatcher):
    """A dispatcher that counts its complete rounds over all queues."""

    rounds = 0
    _round_complete = False

    async def _check_everything(self) -> None:
        await super()._check_everything()
        self._round_complete = True

    async def _serve_changed_queues(self) -> None:
        await super()._serve_changed_queues()
        self.rounds += self._round_complete
        self._round_complete = False


@dataclass(frozen=True)
class ContactCentre:
    """A separate instance. Every agent is available from the start, except those in `away`."""

    engine: Engine
    name: str
    client: ConversationClient
    bus: LocalBus
    configuration: Configuration
    dispatcher: CountingDispatcher

    @property
    def instance(self) -> InstanceSettings:
        return self.configuration.instances[self.name]

    async def start(self, workstream: str = "live") -> Chat:
        """Start a chat and connect its customer."""
        id, workstream_settings = str(uuid4()), self.instance.workstreams[workstream]
        customer = f"{id}-customer"
        new = ConversationOpening(
            contact_id=id,
            instance=self.name,
            workstream=workstream,
            queue=workstream_settings.queue,
            mode=workstream_settings.mode,
            started_at=datetime.now(UTC),
            customer_participant_id=customer,
            customer_name="Ada",
            customer_id=None,
            attributes={},
            segment_attributes={},
            content_types=(),
            related_contact_id=None,
        )
        await self.client.start(new, self.instance)
        chat = Chat(self.engine, id, self.engine.client.get_workflow_handle(id))
        await chat.do(Connect())
        return chat

    async def set_status(
        self,
        user: str,
        status: AgentStatus,
        *,
        since: timedelta = timedelta(0),
        when_free: bool = False,
        announced: bool = True,
    ) -> None:
        """Set the status of an agent, at once or when they are free."""
        at = datetime.now(UTC) - since
        assert await set_agent_status(self.engine.db, self.name, user, status, at, when_free=when_free)
        if announced:
            await self.bus.announce(routing_has_changed(self.name, "", user))

    async def wait_for_offer(self, chat: Chat, to: str | None = None) -> PendingOffer:
        """Wait until a chat is offered (to this agent), and return the offer."""

        def is_offered(offer: PendingOffer | None) -> bool:
            return offer is not None and to in (None, offer.user)

        state = await chat.wait_until(lambda state: is_offered(state.offer), f"an offer to {to or 'any agent'}")
        assert state.offer
        return state.offer

    async def accept_offer(self, chat: Chat, by: str | None = None) -> str:
        """The agent accepts the offer and connects. Return the agent."""
        offer = await self.wait_for_offer(chat, by)
        await chat.do(AcceptOffer(offer_id=offer.id, by=offer.user), Connect(by="agent"))
        return offer.user

    async def reject_offer(self, chat: Chat, by: str | None = None) -> str:
        """The agent rejects the offer. Return the agent."""
        offer = await self.wait_for_offer(chat, by)
        await chat.do(RejectOffer(offer_id=offer.id, by=offer.user))
        return offer.user

    async def assigned_chat(self, user: str, workstream: str = "live", *commands: Command) -> Chat:
        """Start a chat, assign it to an agent through an offer, and run these commands."""
        chat = await self.start(workstream)
        await self.accept_offer(chat, user)
        await chat.do(*commands)
        return chat

    async def finish(self, *chats: Chat) -> None:
        """End chats that have not ended, and their wrap-up."""
        for chat in chats:
            if not (await chat.state()).ended:
                await chat.do(End(by="operator"))
            if (await chat.state()).state is State.WRAP_UP and await chat.close():
                # refused, because the wrap-up has ended by itself meanwhile
                assert (await chat.state()).state is State.CLOSED

    async def row(self, chat: Chat) -> RoutingRow:
        """The routing row of a chat."""
        row = await routing_row(self.engine.db, chat.id)
        assert row, "the chat has no routing row"
        return row

    async def agent(self, user: str) -> AgentState:
        """The current state of an agent."""
        (agent,) = await agent_states(self.engine.db, self.name, datetime.now(UTC), users=[user])
        return agent

    async def wait_for_status(self, user: str, status: AgentStatus) -> None:
        """Wait until an agent has this status."""

        async def check() -> bool | None:
            return True if (await self.agent(user)).status is status else None

        await eventually(check, f"{user} is {status}")

    async def load(self, user: str) -> int:
        """The units that the chats of an agent take."""
        return (await self.agent(user)).load

    async def wait_for_dispatch(self) -> None:
        """Wait until the dispatcher has completed a round that began after the call. Then every possible offer is made."""
        rounds = self.dispatcher.rounds + 2  # the current round may have begun before the call

        async def check() -> bool | None:
            return True if self.dispatcher.rounds >= rounds else None

        await eventually(check, "a complete round")

    async def assert_not_offered(self, *chats: Chat) -> None:
        """Assert that these chats wait without an offer."""
        await self.wait_for_dispatch()
        for chat in chats:
            row = await self.row(chat)
            assert (row.stage, row.offer) == ("queued", None)


@asynccontextmanager
async def open_contact_centre(
    engine: Engine,
    agents: Mapping[str, dict[str, Any]],
    *,
    away: tuple[str, ...] = (),
    queues: dict[str, Any] | None = None,
    hours: dict[str, Any] | None = None,
    **workstreams: dict[str, Any],
) -> AsyncGenerator[ContactCentre]:
    """Run a centre with a worker and a dispatcher. Agents get default names."""
    name, bus, settings = f"centre-{uuid4().hex[:8]}", LocalBus(), Settings()
    instance = InstanceSettings.model_validate(
        {
            "workstreams": workstreams or {"live": LIVE, "persistent": PERSISTENT},
            "agents": {user: {"name": user.upper(), **agent} for user, agent in agents.items()},
            "queues": queues or {},
            "hours": hours or {},
        }
    )
    configuration = Configuration({name: instance}, engine.db, bus)
    client = ConversationClient(engine.client, settings)
    dispatcher = CountingDispatcher(engine.db, bus, client, configuration)
    centre = ContactCentre(engine, name, client, bus, configuration, dispatcher)
    async with engine.worker(bus=bus, configuration=configuration):
        await dispatcher.start()
        try:
            await centre.wait_for_dispatch()
            await asyncio.gather(
                *(centre.set_status(user, AgentStatus.AVAILABLE) for user in agents if user not in away)
            )
            yield centre
        finally:
            await dispatcher.stop()
