"""TransferContact: transfers a chat to a queue or to an agent."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from fastapi import APIRouter

from api.bodies import JsonBody
from api.client_tokens import token_request
from api.connect.authentication import ByChatsKey
from api.connect.queue_hours import require_open_queue
from api.connect.requests import TransferContact
from api.dependencies import Services, ServicesInRequest
from api.openapi import DescribedRoute
from api.paths import resource_id
from api.refusals import execute_or_raise
from configuration.schema.instances import InstanceSettings
from domain.errors import MalformedRequest, NotFound
from domain.events import Transfer
from store import conversations
from store.records import StoredContact, StoredConversation
from wire.arns import contact_arn

router = APIRouter(route_class=DescribedRoute)

_NAMESPACE = UUID("0d6ab5f3-91f4-4f3e-8d2e-3a0f0f9b5c77")


class TransferMembers(NamedTuple):
    """The names of the members of a request for a transfer, for messages."""

    queue: str
    user: str
    contact: str


CONNECT_MEMBERS = TransferMembers("QueueId", "UserId", "ContactId")
OWN_MEMBERS = TransferMembers("queue", "user", "contact_id")


class TransferTarget(NamedTuple):
    """Target of a transfer: a queue or an agent, not both. `members` are the names by which the request gives them."""

    queue: str | None
    user: str | None
    members: TransferMembers = CONNECT_MEMBERS


@router.post("/contact/transfer")
async def transfer_contact(
    services: ServicesInRequest, caller: ByChatsKey, body: JsonBody[TransferContact]
) -> dict[str, Any]:
    """TransferContact. The customer's connections stay. The agent who leaves gets `transfer.succeeded`."""
    instance, settings = services.instance(body.instance_id, caller.instances)
    if resource_id(body.contact_flow_id) not in settings.workstreams:
        raise NotFound(f"ContactFlowId: instance {instance!r} has no workstream {body.contact_flow_id!r}.")
    found = await conversations.find_contact(services.db, instance, body.contact_id)
    if found is None:
        raise NotFound(f"ContactId: instance {instance!r} has no contact {body.contact_id!r}.")
    contact, conversation = found
    repeatable = token_request(_NAMESPACE, body, body.client_token, scope=contact.id)
    new_id = await services.client_tokens.find(repeatable)
    if new_id is None or await conversations.find_contact(services.db, instance, new_id) is None:
        target = TransferTarget(
            queue=resource_id(body.queue_id) if body.queue_id else None,
            user=resource_id(body.user_id) if body.user_id else None,
        )
        async with services.client_tokens.claim(repeatable) as new_id:
            await transfer(services, settings, contact, conversation, target, new_id=new_id, by=caller.actor)
    return {"ContactId": new_id, "ContactArn": contact_arn(instance, new_id)}


async def transfer(
    services: Services,
    instance: InstanceSettings,
    contact: StoredContact,
    conversation: StoredConversation,
    target: TransferTarget,
    *,
    new_id: str,
    by: str,
) -> None:
    """Transfer a conversation. It continues as the contact `new_id`. `by` is the sender of the event.

    Raises:
        NotFound: the queue or agent does not exist.
        MalformedRequest: there is not exactly one target, no agent serves the queue, the chat is live and the queue is closed,
            or the contact cannot be transferred.
        EngineUnavailable: the engine does not answer.
    """
    queue, user, members = target
    require_target(instance, target)
    if queue is not None and conversation.mode == "live":
        require_open_queue(instance, queue, members.queue)
    if contact.ended_at is not None:
        raise MalformedRequest(f"{members.contact}: the contact has ended.")
    command = Transfer(
        contact_id=new_id,
        queue=queue or contact.queue or conversation.queue,
        user=user,
        name=instance.agents[user].name if user else None,
        by=by,
    )
    await execute_or_raise(services.engine, conversation.id, command, members.contact)


def require_target(instance: InstanceSettings, target: TransferTarget) -> None:
    """Check that the target of a transfer exists, and that somebody serves it.

    Raises:
        NotFound: the queue or agent does not exist.
        MalformedRequest: there is not exactly one target, or no agent serves the queue.
    """
    queue, user, members = target
    if (queue is None) == (user is None):
        raise MalformedRequest(f"Exactly one of {members.queue} and {members.user} must be given.")
    if queue is not None and queue not in instance.queue_names:
        raise NotFound(f"{members.queue}: there is no queue {queue!r}.")
    if queue is not None and not instance.agents_serving(queue):
        raise MalformedRequest(f"{members.queue}: no agent serves the queue {queue!r}; the chat is not transferred.")
    if user is not None and user not in instance.agents:
        raise NotFound(f"{members.user}: there is no agent {user!r}.")
