"""A floor: an instance with its agents, and the dispatching of one process, on the real engine and store, without HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from api.board.dispatching import Dispatcher
from api.gateway import Gateway
from configuration.current import Configuration
from runtime.bus import LocalBus, board_has_changed
from runtime.instances import Instance
from runtime.settings import Settings
from store.board.agents import agents_now
from store.board.presence import set_presence
from store.board.rows import Row
from store.board.values import AgentState, Presence
from store.records import NewConversation
from tests.store.on_board import standing
from tests.workflows.engine import Chat, Engine, eventually
from workflows.events import Accept, Close, Command, Connect, End, Reject
from workflows.state_parts import Offered
from workflows.values import State

LIVE: dict[str, Any] = {"mode": "live", "queue": "support"}
PERSISTENT: dict[str, Any] = {"mode": "persistent", "queue": "support"}


class Watched(Dispatcher):
    """Dispatching that counts its finished looks at everything."""

    looks = 0
    _has_looked = False

    async def _look(self) -> None:
        await super()._look()
        self._has_looked = True

    async def _serve(self) -> None:
        await super()._serve()
        self.looks += self._has_looked
        self._has_looked = False


@dataclass(frozen=True)
class Floor:
    """An instance of its own. Every agent is available from the start, unless told otherwise."""

    engine: Engine
    name: str
    gateway: Gateway
    bus: LocalBus
    configuration: Configuration
    dispatcher: Watched

    @property
    def instance(self) -> Instance:
        return self.configuration.instances[self.name]

    async def start(self, workstream: str = "live") -> Chat:
        """A chat whose customer is connected."""
        id, works = str(uuid4()), self.instance.workstreams[workstream]
        customer = f"{id}-customer"
        new = NewConversation(
            id=id,
            instance=self.name,
            workstream=workstream,
            queue=works.queue,
            mode=works.mode,
            started_at=datetime.now(UTC),
            customer_participant_id=customer,
            customer_name="Ada",
            customer_id=None,
            attributes={},
            segment_attributes={},
            content_types=(),
            related_contact_id=None,
        )
        await self.gateway.start(new, self.instance)
        chat = Chat(self.engine, id, self.engine.client.get_workflow_handle(id))
        await chat.do(Connect())
        return chat

    async def become(
        self,
        user: str,
        presence: Presence,
        *,
        since: timedelta = timedelta(0),
        when_free: bool = False,
        announced: bool = True,
    ) -> None:
        """An agent says how they are, or will be once they are free."""
        at = datetime.now(UTC) - since
        assert await set_presence(self.engine.db, self.name, user, presence, at, when_free=when_free)
        if announced:
            await self.bus.announce(board_has_changed(self.name, "", user))

    async def offered(self, chat: Chat, to: str | None = None) -> Offered:
        """What a chat says of its offer, once there is one (to that agent)."""

        def is_offered(offer: Offered | None) -> bool:
            return offer is not None and to in (None, offer.user)

        state = await chat.until(lambda state: is_offered(state.offer), f"it is offered to {to or 'somebody'}")
        assert state.offer
        return state.offer

    async def accept(self, chat: Chat, by: str | None = None) -> str:
        """Who is asked takes it and connects."""
        offer = await self.offered(chat, by)
        await chat.do(Accept(offer_id=offer.id, by=offer.user), Connect(by="agent"))
        return offer.user

    async def reject(self, chat: Chat, by: str | None = None) -> str:
        """Who is asked does not take it."""
        offer = await self.offered(chat, by)
        await chat.do(Reject(offer_id=offer.id, by=offer.user))
        return offer.user

    async def work(self, user: str, workstream: str = "live", *then: Command) -> Chat:
        """A new chat that an agent works on."""
        chat = await self.start(workstream)
        await self.accept(chat, user)
        await chat.do(*then)
        return chat

    async def over(self, *chats: Chat) -> None:
        """Ends chats that have not ended, and their wrap-up."""
        for chat in chats:
            if not (await chat.state()).ended:
                await chat.do(End(by="operator"))
            if (await chat.state()).state is State.WRAP_UP:
                await chat.do(Close())

    async def row(self, chat: Chat) -> Row:
        """Where a chat stands on the board."""
        row = await standing(self.engine.db, chat.id)
        assert row, "it is not on the board"
        return row

    async def agent(self, user: str) -> AgentState:
        """How an agent stands."""
        (agent,) = await agents_now(self.engine.db, self.name, datetime.now(UTC), users=[user])
        return agent

    async def until_presence(self, user: str, presence: Presence) -> None:
        """Returns once that is how an agent stands."""

        async def look() -> bool | None:
            return True if (await self.agent(user)).presence is presence else None

        await eventually(look, f"{user} is {presence}")

    async def load(self, user: str) -> int:
        """The units that an agent's chats take."""
        return (await self.agent(user)).load

    async def looked(self) -> None:
        """Returns when everything has been looked at since the call: what could be offered now, is."""
        looks = self.dispatcher.looks + 2  # the one that is under way may have begun before

        async def look() -> bool | None:
            return True if self.dispatcher.looks >= looks else None

        await eventually(look, "everything is looked at")

    async def waits(self, *chats: Chat) -> None:
        """Makes sure that nobody is offered them."""
        await self.looked()
        for chat in chats:
            row = await self.row(chat)
            assert (row.stage, row.offer) == ("queued", None)


@asynccontextmanager
async def floor(
    engine: Engine,
    agents: Mapping[str, dict[str, Any]],
    *,
    away: tuple[str, ...] = (),
    queues: dict[str, Any] | None = None,
    hours: dict[str, Any] | None = None,
    **workstreams: dict[str, Any],
) -> AsyncGenerator[Floor]:
    """A floor at work, with a worker; what is not said of an agent is their name."""
    name, bus, settings = f"floor-{uuid4().hex[:8]}", LocalBus(), Settings()
    instance = Instance.model_validate(
        {
            "workstreams": workstreams or {"live": LIVE, "persistent": PERSISTENT},
            "agents": {user: {"name": user.upper(), **agent} for user, agent in agents.items()},
            "queues": queues or {},
            "hours": hours or {},
        }
    )
    configuration = Configuration({name: instance}, engine.db, bus)
    gateway = Gateway(engine.client, settings)
    dispatcher = Watched(engine.db, bus, gateway, configuration)
    here = Floor(engine, name, gateway, bus, configuration, dispatcher)
    async with engine.working(bus=bus, configuration=configuration):
        await dispatcher.start()
        try:
            await here.looked()
            await asyncio.gather(*(here.become(user, Presence.AVAILABLE) for user in agents if user not in away))
            yield here
        finally:
            await dispatcher.stop()
