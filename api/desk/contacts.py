"""The contacts that are an agent's: seen, joined as a ChatJS `AGENT`, and moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal
from uuid import uuid4

from fastapi import APIRouter, Request

from api.connect.transfers import Target, transfer
from api.described import Nothing, described, refused
from api.desk import answers
from api.desk.bodies import TransferTo
from api.desk.claims import claim, confirm_claim
from api.desk.signing_in import AtDesk, Desk
from api.participant.session import participant_token
from api.reconnections import Link, reconnect_link
from api.refusals import refusal_error
from api.services import Parts, Services
from api.wire import ContactId, read_body
from domain.errors import ConversationEnded, MalformedRequest, NotFound
from store import conversations
from store.customers import Caller, callers
from store.records import Contact, Conversation, Participant
from workflows.events import Close, End, Park, Release, Resume
from workflows.refusals import Refusal, RefusalCode, refusal

router = APIRouter(
    prefix="/v1/agent/contacts",
    tags=["agent"],
    responses=refused(because="park: not possible for a live conversation in state ACTIVE."),
)

Action = Literal["end", "close", "park", "resume", "release"]


@router.get("")
async def my_contacts(parts: Parts, desk: AtDesk) -> answers.Contacts:
    """The agent's contacts that are not closed, oldest first."""
    found = await conversations.contacts_of_agent(parts.db, desk.instance, desk.user)
    return answers.Contacts(contacts=await _all_shown(parts, found))


@router.post("/{contact_id}/session")
async def join(contact_id: ContactId, parts: Parts, desk: AtDesk) -> answers.ChatDetails:
    """The `chatDetails` with which ChatJS joins the chat: `ChatSession.create({type: "AGENT", chatDetails})`."""
    contact, conversation, me = await mine(parts, desk, contact_id)
    if contact.ended_at is not None:
        raise ConversationEnded
    if me.left_at is not None:
        raise MalformedRequest("session: you have left the chat; resume it first.")
    return answers.ChatDetails(
        contact_id=contact_id,
        initial_contact_id=conversation.id,
        participant_id=me.id,
        participant_token=participant_token(parts, me.id, conversation.id),
    )


@router.post("/{contact_id}/transfer", openapi_extra=described(TransferTo))
async def hand_on(request: Request, contact_id: ContactId, parts: Parts, desk: AtDesk) -> answers.HandedOn:
    """Transfers the contact; answers with the id of the contact that it goes on as."""
    body = await read_body(request, TransferTo)
    contact, conversation, me = await mine(parts, desk, contact_id)
    new_id, target = str(uuid4()), Target(queue=body.queue, user=body.user)
    await transfer(parts, desk.configured, contact, conversation, target, new_id=new_id, by=me.id)
    return answers.HandedOn(contact_id=new_id)


@router.post("/{contact_id}/reconnect-link")
async def link_back(contact_id: ContactId, parts: Parts, desk: AtDesk) -> Link:
    """A link to send to the customer, by which they can go back to the chat; see the backends' route of this name."""
    contact, conversation, _ = await mine(parts, desk, contact_id)
    if contact.ended_at is not None:
        raise MalformedRequest("contact_id: the contact has ended.")
    return reconnect_link(parts, desk.configured, conversation)


@router.post("/{contact_id}/{action}")
async def act(contact_id: ContactId, action: Action, parts: Parts, desk: AtDesk) -> Nothing:
    """Ends the chat, closes its wrap-up, parks it, takes it up again, or gives it back to its queue."""
    contact, conversation, me = await mine(parts, desk, contact_id)
    if contact.ended_at is not None and action != "close":
        raise MalformedRequest(f"{action}: the contact has ended.")
    if contact.wrapped_up_at is not None:
        raise ConversationEnded
    refused = await _ask(parts, desk, action, conversation, by=me.id)
    if refused:
        raise refusal_error(refused, action)
    return Nothing()


async def _ask(parts: Services, desk: Desk, action: Action, conversation: Conversation, by: str) -> Refusal | None:
    if action == "resume":
        return await _resume(parts, desk, conversation, by=by)
    commands: Mapping[str, type[End | Close | Park | Release]] = {
        "end": End,
        "close": Close,
        "park": Park,
        "release": Release,
    }
    return await parts.engine.ask(conversation.id, commands[action](by=by))


async def _resume(parts: Services, desk: Desk, conversation: Conversation, by: str) -> Refusal | None:
    """Resume a parked conversation, if its workstream and the agent's capacity allow it now."""
    claimed = await claim(parts, desk, conversation)
    command = Resume(user=desk.user, name=desk.agent.name, by=by)
    if not isinstance(claimed, RefusalCode):
        return await confirm_claim(parts, claimed, command)
    if claimed is RefusalCode.NO_CAPACITY or (claimed is RefusalCode.TAKEN and conversation.state == "OPEN"):
        return refusal(claimed)
    # it is not parked, or routing does not know it: the conversation itself gives the reason
    return await parts.engine.ask(conversation.id, command)


async def mine(parts: Services, desk: Desk, contact_id: str) -> tuple[Contact, Conversation, Participant]:
    """The contact, if it is this agent's; another's is as unknown as none.

    Raises:
        NotFound: it is not.
    """
    found = await conversations.find_contact(parts.db, desk.instance, contact_id)
    if found is None or found[0].agent_user != desk.user:
        raise NotFound(f"contact: you have no contact {contact_id!r}.")
    participant = await conversations.participant_of_user(parts.db, found[1].id, desk.user)
    if participant is None:
        raise NotFound(f"contact: you take no part in {contact_id!r}.")
    return *found, participant


async def as_mine(parts: Services, desk: Desk, conversation_id: str) -> answers.Contact | None:
    """A conversation that the agent has just got, as it stands among their contacts; None if it is theirs no more."""
    found = await conversations.contacts_of_agent(parts.db, desk.instance, desk.user)
    mine = [(contact, its) for contact, its in found if contact.ended_at is None and its.id == conversation_id]
    return next(iter(await _all_shown(parts, mine[:1])), None)


async def _all_shown(parts: Services, found: Sequence[tuple[Contact, Conversation]]) -> list[answers.Contact]:
    who = await callers(parts.db, [conversation.id for _, conversation in found])
    return [_shown(contact, conversation, who[conversation.id]) for contact, conversation in found]


def _shown(contact: Contact, conversation: Conversation, who: Caller) -> answers.Contact:
    return answers.Contact(
        contact_id=contact.id,
        initial_contact_id=conversation.id,
        workstream=conversation.workstream,
        queue=contact.queue,
        mode=conversation.mode,
        state=conversation.state,
        customer=who.name,
        started_at=conversation.started_at,
        ended_at=contact.ended_at,
        attributes=dict(who.attributes),
    )
