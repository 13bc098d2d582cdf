"""What supervisors see and move: every agent and every contact of their instance that is not closed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import uuid4

from annotated_types import Interval
from fastapi import APIRouter, Depends, Query, Request

from api.connect.transfers import Target, transfer
from api.described import Nothing, described, refused
from api.desk import answers, bodies
from api.desk.bodies import AssignTo, SetPresence, TransferTo, User
from api.desk.notes import all_shown
from api.desk.presence import become
from api.desk.presence import shown as shown_agent
from api.desk.signing_in import AtDesk, Desk
from api.refusals import ask_or_raise, refusal_error
from api.services import Parts, Services
from api.wire import ContactId, read_body
from domain.errors import AccessDenied, ConversationEnded, MalformedRequest, NotFound
from store import conversations
from store.board.agents import agents_now
from store.board.placing import take_off
from store.notes import notes_of
from store.records import Contact, Conversation
from store.supervising import Standing, on_the_board
from workflows.events import Assign, Close, End, Release
from workflows.refusals import RefusalCode, refusal

router = APIRouter(
    prefix="/v1/supervision",
    tags=["supervision"],
    responses=refused(what="AccessDeniedException", because="Only a supervisor may do that."),
)

Action = Literal["release", "end", "close"]
State = Literal["OPEN", "ACTIVE", "WAITING", "WRAP_UP"]


def _supervisor(desk: AtDesk) -> Desk:
    if not desk.agent.supervisor:
        raise AccessDenied("Only a supervisor may do that.")
    return desk


Supervises = Annotated[Desk, Depends(_supervisor)]


@router.get("/agents")
async def agents(parts: Parts, desk: Supervises) -> answers.Agents:
    """How every agent of the instance stands, by user."""
    found = await agents_now(parts.db, desk.instance, datetime.now(UTC))
    return answers.Agents(agents=[shown_agent(state) for state in found])


@router.put("/agents/{user}/presence", openapi_extra=described(SetPresence))
async def set_presence(request: Request, user: User, parts: Parts, desk: Supervises) -> answers.Agent:
    """Sets the presence of an agent, as they do it themselves."""
    body = await read_body(request, SetPresence)
    _agent_name(desk, user)
    return shown_agent(await become(parts, desk.instance, user, body.presence, when_free=body.when_free))


@router.get("/contacts")
async def contacts(
    parts: Parts,
    desk: Supervises,
    state: Annotated[State | None, Query(description="Only those in this state.")] = None,
    queue: Annotated[bodies.Queue | None, Query(description="Only those of this queue.")] = None,
    agent: Annotated[User | None, Query(description="Only those of this agent, or offered to them.")] = None,
    limit: Annotated[int, Interval(ge=1, le=1_000), Query(description="So many at most.")] = 1_000,
) -> answers.Standings:
    """The contacts that are not closed, the oldest first: in a state, of a queue, of an agent. `more`: there are others."""
    found = await on_the_board(parts.db, desk.instance, state=state, queue=queue, agent=agent, limit=limit + 1)
    return answers.Standings(contacts=[_shown(standing) for standing in found[:limit]], more=len(found) > limit)


@router.post("/contacts/{contact_id}/assign", openapi_extra=described(AssignTo))
async def assign(request: Request, contact_id: ContactId, parts: Parts, desk: Supervises) -> Nothing:
    """Gives a contact that waits or is parked to an agent, whatever their presence, queues and capacity.

    The conversation itself decides, in one step: of two who assign it one is refused, and an offer to somebody else is over.
    """
    body = await read_body(request, AssignTo)
    name = _agent_name(desk, body.user)
    _, conversation = await _running(parts, desk, contact_id)
    command = Assign(user=body.user, name=name, by=_by(desk))
    await ask_or_raise(parts.engine, conversation.id, command, "assign")
    return Nothing()


@router.post("/contacts/{contact_id}/transfer", openapi_extra=described(TransferTo))
async def hand_on(request: Request, contact_id: ContactId, parts: Parts, desk: Supervises) -> answers.HandedOn:
    """Transfers a contact that an agent works on; answers with the id of the contact that it goes on as."""
    body = await read_body(request, TransferTo)
    contact, conversation = await _running(parts, desk, contact_id)
    new_id, target = str(uuid4()), Target(queue=body.queue, user=body.user)
    await transfer(parts, desk.configured, contact, conversation, target, new_id=new_id, by=_by(desk))
    return answers.HandedOn(contact_id=new_id)


@router.post("/contacts/{contact_id}/{action}")
async def act(contact_id: ContactId, action: Action, parts: Parts, desk: Supervises) -> Nothing:
    """Gives a contact that an agent works on back to its queue, ends a chat, or closes a wrap-up.

    One that the engine does not know any more, because an operator has terminated it, frees its agent.
    """
    contact, conversation = await _known(parts, desk, contact_id)
    if contact.ended_at is not None and action != "close":
        raise MalformedRequest("contact_id: the contact has ended.")
    command = {"release": Release, "end": End, "close": Close}[action](by=_by(desk))
    try:
        refused = await parts.engine.ask(conversation.id, command)
    except ConversationEnded:
        await take_off(parts.db, conversation.id, datetime.now(UTC))
        refused = refusal(RefusalCode.CONVERSATION_ENDED)
    if refused:
        raise refusal_error(refused, action)
    return Nothing()


@router.get("/contacts/{contact_id}/notes")
async def notes(contact_id: ContactId, parts: Parts, desk: Supervises) -> answers.Notes:
    """All that was noted about the contacts of a conversation, the oldest first."""
    _, conversation = await _known(parts, desk, contact_id)
    return all_shown(await notes_of(parts.db, conversation.id))


async def _known(parts: Services, desk: Desk, contact_id: str) -> tuple[Contact, Conversation]:
    found = await conversations.find_contact(parts.db, desk.instance, contact_id)
    if found is None:
        raise NotFound(f"contact_id: there is no contact {contact_id!r}.")
    return found


async def _running(parts: Services, desk: Desk, contact_id: str) -> tuple[Contact, Conversation]:
    found = await _known(parts, desk, contact_id)
    if found[0].ended_at is not None:
        raise MalformedRequest("contact_id: the contact has ended.")
    return found


def _agent_name(desk: Desk, user: str) -> str:
    agent = desk.configured.agents.get(user)
    if agent is None:
        raise NotFound(f"user: there is no agent {user!r}.")
    return agent.name


def _by(desk: Desk) -> str:
    """How a conversation knows a supervisor: never as somebody who takes part in it."""
    return f"supervisor:{desk.user}"


def _shown(standing: Standing) -> answers.Standing:
    return answers.Standing(
        contact_id=standing.contact_id,
        initial_contact_id=standing.conversation_id,
        workstream=standing.workstream,
        queue=standing.queue,
        mode=standing.mode,
        state=standing.state,
        started_at=standing.started_at,
        since=standing.since,
        units=standing.units,
        agent=standing.agent,
        offered_to=standing.offered_to,
        offered_until=standing.offered_until,
    )
