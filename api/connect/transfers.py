"""Handing a chat on, to a queue or to an agent."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID, uuid4, uuid5

from fastapi import APIRouter, Request

from api.connect.caller import Authenticated
from api.connect.contacts import contact_arn
from api.connect.hours import refuse_if_closed
from api.connect.requests import TransferContact
from api.paths import resource_id
from api.refusals import ask_or_raise
from api.services import Parts, Services
from api.wire import read_body
from domain.errors import MalformedRequest, NotFound
from runtime.instances import Instance
from store import conversations
from store.records import Contact, Conversation
from workflows.events import Transfer

router = APIRouter()

_NAMESPACE = UUID("0d6ab5f3-91f4-4f3e-8d2e-3a0f0f9b5c77")


class Target(NamedTuple):
    """Where a chat goes: to a queue or to an agent, not both."""

    queue: str | None
    user: str | None


@router.post("/contact/transfer")
async def transfer_contact(request: Request, parts: Parts, caller: Authenticated) -> dict[str, Any]:
    """TransferContact. The customer's connections stay; whoever leaves is told by `transfer.succeeded`."""
    body = await read_body(request, TransferContact)
    instance, settings = parts.instance(body.instance_id, caller.instances)
    if resource_id(body.contact_flow_id) not in settings.workstreams:
        raise NotFound(f"ContactFlowId: instance {instance!r} has no workstream {body.contact_flow_id!r}.")
    found = await conversations.find_contact(parts.db, instance, body.contact_id)
    if found is None:
        raise NotFound(f"ContactId: instance {instance!r} has no contact {body.contact_id!r}.")
    contact, conversation = found
    token = body.client_token
    new_id = str(uuid5(_NAMESPACE, f"{contact.id}/{token}") if token else uuid4())
    if await conversations.find_contact(parts.db, instance, new_id) is None:
        target = Target(
            queue=resource_id(body.queue_id) if body.queue_id else None,
            user=resource_id(body.user_id) if body.user_id else None,
        )
        by = f"api:{caller.key_id}"
        await transfer(parts, settings, contact, conversation, target, new_id=new_id, by=by)
    return {"ContactId": new_id, "ContactArn": contact_arn(instance, new_id)}


async def transfer(
    parts: Services,
    instance: Instance,
    contact: Contact,
    conversation: Conversation,
    target: Target,
    *,
    new_id: str,
    by: str,
) -> None:
    """Hands a conversation on as the contact `new_id`.

    Raises:
        NotFound: there is no such queue or agent.
        MalformedRequest: not exactly one target, nobody serves the queue, a live chat would wait in one that is closed, or the
            contact cannot be transferred.
    """
    queue, user = target
    if (queue is None) == (user is None):
        raise MalformedRequest("Exactly one of QueueId and UserId must be given.")
    if queue is not None and queue not in instance.queue_names:
        raise NotFound(f"QueueId: there is no queue {queue!r}.")
    if queue is not None and not instance.serving(queue):
        raise MalformedRequest(f"QueueId: nobody serves the queue {queue!r}; the chat stays where it is.")
    if queue is not None and conversation.mode == "live":
        refuse_if_closed(instance, queue, "QueueId")
    agent = None if user is None else instance.agents.get(user)
    if user is not None and agent is None:
        raise NotFound(f"UserId: there is no agent {user!r}.")
    if contact.ended_at is not None:
        raise MalformedRequest("ContactId: the contact has ended.")
    command = Transfer(
        contact_id=new_id,
        queue=queue or contact.queue or conversation.queue,
        user=user,
        name=agent.name if agent else None,
        by=by,
    )
    await ask_or_raise(parts.engine, conversation.id, command, "ContactId")
