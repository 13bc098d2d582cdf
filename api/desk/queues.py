"""The queues that an agent serves: what waits there, and how they take it without being offered it."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter

from api.described import refused
from api.desk import answers
from api.desk.bodies import Queue
from api.desk.claims import claim, confirm_claim
from api.desk.contacts import as_mine
from api.desk.signing_in import AtDesk, Desk
from api.refusals import refusal_error
from api.services import Parts, Services
from api.wire import ContactId
from domain.errors import NotFound
from store import conversations
from store.board import queues
from store.board.values import Waiting
from store.supervising import lengths
from workflows.events import Accept
from workflows.refusals import RefusalCode, refusal

router = APIRouter(
    prefix="/v1/agent/queues", tags=["agent"], responses=refused(because="pick: you have no capacity left.")
)


@router.get("")
async def my_queues(parts: Parts, desk: AtDesk) -> answers.Queues:
    """The queues that the agent serves, by name, how many wait in each and since when the first of them."""
    served = await _served(parts, desk)
    lengths = ((queue, *waiting) for queue, waiting in sorted(served.items()))
    return answers.Queues(
        queues=[answers.QueueLength(queue=queue, waiting=count, longest_since=since) for queue, count, since in lengths]
    )


@router.get("/{queue}")
async def what_waits(queue: Queue, parts: Parts, desk: AtDesk) -> answers.Line:
    """The first hundred that wait in a queue and are not offered to anybody, the next first."""
    await _serves(parts, desk, queue)
    found = await queues.waiting(parts.db, desk.instance, queue, limit=100)
    return answers.Line(contacts=[_shown(position, waiting) for position, waiting in enumerate(found, 1)])


@router.post("/{queue}/contacts/{contact_id}/pick")
async def pick(queue: Queue, contact_id: ContactId, parts: Parts, desk: AtDesk) -> answers.Contact:
    """Takes a contact out of a queue, whoever's turn it is and whoever it is kept for. Repeating it changes nothing.

    Answers with the contact, which is the agent's from now on.
    """
    await _serves(parts, desk, queue)
    found = await conversations.find_contact(parts.db, desk.instance, contact_id)
    if found is None or found[0].queue != queue:
        raise NotFound(f"contact: there is no contact {contact_id!r} in queue {queue!r}.")
    contact, conversation = found
    waits = contact.ended_at is None and conversation.state == "OPEN"
    claimed = await claim(parts, desk, conversation) if waits else RefusalCode.NOT_WAITING
    if isinstance(claimed, RefusalCode):
        had = await as_mine(parts, desk, conversation.id)
        if had and had.state == "ACTIVE":
            return had
        raise refusal_error(refusal(claimed), "pick")
    await parts.dispatcher.tell(claimed)
    refused = await confirm_claim(parts, claimed, Accept(offer_id=claimed.id, by=desk.user))
    # where offers are accepted as they are made, it is theirs already
    taken = await as_mine(parts, desk, conversation.id)
    if taken is None:
        raise refusal_error(refused or refusal(RefusalCode.OFFER_OVER), "pick")
    return taken


async def _served(parts: Services, desk: Desk) -> dict[str, tuple[int, datetime | None]]:
    """How many wait in each queue that the agent serves, and since when the first.

    Who serves all queues serves also one in which something waits though it is configured no more.
    """
    waiting = await lengths(parts.db, desk.instance)
    every = desk.queues | waiting.keys() if desk.agent.queues is None else desk.queues
    return {queue: waiting.get(queue, (0, None)) for queue in every}


async def _serves(parts: Services, desk: Desk, queue: str) -> None:
    if queue not in desk.queues and queue not in await _served(parts, desk):
        raise NotFound(f"queue: you serve no queue {queue!r}.")


def _shown(position: int, waiting: Waiting) -> answers.Waiting:
    return answers.Waiting(
        position=position,
        contact_id=waiting.contact_id,
        initial_contact_id=waiting.conversation_id,
        workstream=waiting.workstream,
        since=waiting.enqueued_at,
        priority=waiting.priority,
        ahead=waiting.ahead,
        units=waiting.units,
        bound_to=waiting.bound_to or None,
    )
