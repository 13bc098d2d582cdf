"""How agents stand, and what they say of themselves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from fastapi import APIRouter, Request

from api.board.withdrawing import withdraw
from api.described import described, refused
from api.desk import answers
from api.desk.bodies import SetPresence
from api.desk.signing_in import AtDesk
from api.services import Parts, Services
from api.wire import read_body
from domain.errors import ConversationEnded, Unavailable
from runtime.bus import board_has_changed
from store import conversations
from store.board import presence
from store.board.agents import agents_now
from store.board.offers import offers_to
from store.board.values import AgentState, Presence
from workflows.events import Release

router = APIRouter(
    prefix="/v1/agent",
    tags=["agent"],
    responses=refused(
        because="presence: Input should be 'available', 'busy', 'busy-do-not-disturb', 'away' or 'offline'"
    ),
)

GONE = (Presence.AWAY, Presence.OFFLINE)
KNOWN_WITHIN = 3.0
"""Seconds after which the board knows an agent who was configured just now; its dispatcher looks every second."""


@router.get("")
async def me(parts: Parts, desk: AtDesk) -> answers.Agent:
    """The agent: presence, what they become once they are free, capacity and load in units."""
    return shown(await standing(parts, desk.instance, desk.user))


@router.put("/presence", openapi_extra=described(SetPresence))
async def set_mine(request: Request, parts: Parts, desk: AtDesk) -> answers.Agent:
    """Sets the agent's presence, now or once nothing takes their capacity.

    What they are offered while they go away goes to the next agent, and is not held against them. Who goes offline now also
    gives back what they work on; what they have parked stays theirs.
    """
    body = await read_body(request, SetPresence)
    return shown(await become(parts, desk.instance, desk.user, body.presence, when_free=body.when_free))


async def become(parts: Services, instance: str, user: str, wanted: Presence, *, when_free: bool) -> AgentState:
    """Gives an agent a presence, with all that follows from it. Returns how they stand then."""
    now = datetime.now(UTC)
    before = await standing(parts, instance, user)
    # who wants to become what they are is not to be kept from work until then
    later = when_free and before.presence != wanted
    await presence.set_presence(parts.db, instance, user, wanted, now, when_free=later)
    after = await standing(parts, instance, user)
    if after.presence in GONE:
        await withdraw(parts.db, parts.bus, parts.engine, await offers_to(parts.db, instance, user))
    if after.presence is Presence.OFFLINE and not when_free:
        await _give_back(parts, instance, user)
    await parts.bus.announce(board_has_changed(instance, queue="", agent=user))
    return await standing(parts, instance, user)


async def standing(parts: Services, instance: str, user: str) -> AgentState:
    """How a configured agent stands.

    Raises:
        Unavailable: the board does not know them; they were configured just now, and nobody dispatches.
    """
    clock = asyncio.get_running_loop()
    deadline = clock.time() + KNOWN_WITHIN
    while not (found := await agents_now(parts.db, instance, datetime.now(UTC), users=[user])):
        if clock.time() > deadline:
            raise Unavailable(f"The board does not know agent {user!r} yet.")
        await asyncio.sleep(0.1)
    return found[0]


async def _give_back(parts: Services, instance: str, user: str) -> None:
    """Gives what an agent works on back to its queues.

    Raises:
        Unavailable: the engine does not answer for one of them; the others are given back.
    """
    failed: Unavailable | None = None
    for contact, conversation in await conversations.contacts_of_agent(parts.db, instance, user):
        if contact.ended_at is not None or conversation.state != "ACTIVE":
            continue
        worker = await conversations.participant_of_user(parts.db, conversation.id, user)
        try:
            # what has just ended or gone to somebody else is refused, and is theirs no more either way
            await parts.engine.ask(conversation.id, Release(by=worker.id if worker else user))
        except ConversationEnded:
            continue
        except Unavailable as fault:
            failed = fault
    if failed:
        raise failed


def shown(state: AgentState) -> answers.Agent:
    """An agent as they and their supervisors see them."""
    return answers.Agent(
        user=state.user,
        name=state.name,
        presence=state.presence,
        presence_since=state.presence_since,
        next_presence=state.next_presence,
        capacity=state.capacity,
        load=state.load,
        over_capacity=state.load > state.capacity,
    )
