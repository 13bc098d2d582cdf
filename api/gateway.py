"""The only door to Temporal: starts conversations, signals them, and asks them for answers.

While one `message` signal of a conversation is on its way, what arrives for it meanwhile gathers and travels in the
next one; at rest each message travels alone and at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from temporalio.client import (
    Client,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.errors import Ended, Unavailable
from configuration.policies import policy_for
from runtime.instances import Instance
from runtime.settings import Settings
from store.records import NewConversation
from workflows import operator_details, search
from workflows.contract import ASK, WORKFLOW, Answer, Ask, Opening, StartConversation
from workflows.events import (
    Accept,
    AnyEvent,
    Assign,
    Close,
    Command,
    Configure,
    Connect,
    Disconnect,
    End,
    Invite,
    Leave,
    Message,
    Messages,
    Offer,
    Park,
    Position,
    Reject,
    Release,
    Resume,
    TimerSetting,
    Transfer,
    Withdraw,
)
from workflows.values import Role

SIGNAL_MESSAGES = 50
SIGNAL_BYTES = 256_000
"""Most content of one signal in UTF-8 bytes, well under Temporal's 2 MB for a payload."""

ENGINE_TIMEOUT = timedelta(seconds=10)
DROPPED_PAUSES = (0.02, 0.1, 0.5, 2.0)
"""Seconds after which a command that the engine dropped is given again."""


@dataclass(frozen=True, slots=True)
class Words:
    """A message as a client sent it, with the id and the instant it was given when it was accepted."""

    id: str
    at: datetime
    participant_id: str
    role: str
    name: str
    content: str
    content_type: str


class SilenceLimit(NamedTuple):
    """How long a role (`CUSTOMER`, `AGENT`) may be silent before its timer of a kind acts; without `limit` it has none.

    Kinds are `IDLE`, which tells everybody, and `DISCONNECT_NONCUSTOMER`, which lets all but the customer go.
    """

    role: str
    kind: str
    limit: timedelta | None


class _Pending(NamedTuple):
    words: Words
    accepted: asyncio.Future[None]


class Gateway:
    """Conversations, as the API sees them. Every method raises `Ended` or `Unavailable` where the engine says so."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._outboxes: dict[str, list[_Pending]] = {}
        self._couriers: set[asyncio.Task[None]] = set()

    async def start(
        self,
        new: NewConversation,
        instance: Instance,
        *,
        duration: timedelta | None = None,
        greeting: Words | None = None,
    ) -> None:
        """Starts a conversation's workflow under its instance's policy. One that was started before goes on as it is."""
        opening = Opening(contact_id=new.id, **{k: v for k, v in asdict(new).items() if k != "id"})
        start = StartConversation(
            opening=opening,
            policy=policy_for(instance, new, duration, archive=self._settings.archive_address is not None),
            initial_message=_message(greeting) if greeting else None,
            recycle_after=self._settings.recycle_after,
        )
        try:
            await self._client.start_workflow(
                WORKFLOW,
                start,
                id=new.id,
                task_queue=self._settings.temporal_task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                search_attributes=search.at_start(opening),
                static_summary=operator_details.summary(new.mode, new.workstream),
                static_details=operator_details.rules(start.policy),
                rpc_timeout=ENGINE_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            return
        except RPCError as error:
            raise _fault(error) from error

    async def say(self, conversation_id: str, words: Words) -> None:
        """Returns once the message is durable: it will stand exactly once in the transcript."""
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        outbox = self._outboxes.get(conversation_id)
        if outbox is None:
            self._outboxes[conversation_id] = [_Pending(words, accepted)]
            courier = asyncio.create_task(self._carry(conversation_id))
            self._couriers.add(courier)
            courier.add_done_callback(self._couriers.discard)
        else:
            outbox.append(_Pending(words, accepted))
        await accepted

    async def connected(self, conversation_id: str, participant_id: str, at: datetime) -> None:
        """A participant's first connection is up."""
        await self._signal(conversation_id, "connect", Connect(by=participant_id, at=at))

    async def disconnected(self, conversation_id: str, participant_id: str, at: datetime) -> None:
        """A participant's last connection was lost at that instant."""
        await self._signal(conversation_id, "disconnect", Disconnect(by=participant_id, at=at))

    async def assign(self, conversation_id: str, user: str, name: str, by: str) -> str | None:
        """Gives the conversation to an agent. Returns why not, or None."""
        return await self._ask(conversation_id, Assign(user=user, name=name, by=by))

    async def transfer(
        self, conversation_id: str, contact_id: str, *, queue: str, agent: tuple[str, str] | None, by: str
    ) -> str | None:
        """Hands the conversation on as a new contact, to a queue or to an agent (user and name). Returns why not, or None."""
        user, name = agent or (None, None)
        command = Transfer(contact_id=contact_id, queue=queue, user=user, name=name, by=by)
        return await self._ask(conversation_id, command)

    async def invite(self, conversation_id: str, participant_id: str, name: str, by: str) -> str | None:
        """Lets a bot take part. Returns why not, or None."""
        return await self._ask(conversation_id, Invite(participant_id=participant_id, name=name, by=by))

    async def leave(self, conversation_id: str, by: str) -> str | None:
        """A bot takes part no more. Returns why not, or None."""
        return await self._ask(conversation_id, Leave(by=by))

    async def end(self, conversation_id: str, by: str) -> str | None:
        """Ends the chat for the customer. Returns why not, or None."""
        return await self._ask(conversation_id, End(by=by))

    async def close(self, conversation_id: str, by: str) -> str | None:
        """Finishes the wrap-up. Returns why not, or None."""
        return await self._ask(conversation_id, Close(by=by))

    async def park(self, conversation_id: str, by: str) -> str | None:
        """Sets the conversation aside. Returns why not, or None."""
        return await self._ask(conversation_id, Park(by=by))

    async def resume(self, conversation_id: str, user: str, name: str, by: str) -> str | None:
        """Gives a parked conversation to an agent again. Returns why not, or None."""
        return await self._ask(conversation_id, Resume(user=user, name=name, by=by))

    async def release(self, conversation_id: str, by: str) -> str | None:
        """Gives the conversation back to its queue, as a new contact. Returns why not, or None."""
        return await self._ask(conversation_id, Release(by=by))

    async def configure(self, conversation_id: str, limits: Sequence[SilenceLimit], by: str) -> str | None:
        """Sets or takes away participant timers; those not named stay. Returns why not, or None."""
        timers = tuple(TimerSetting.model_validate(limit._asdict()) for limit in limits)
        return await self._ask(conversation_id, Configure(timers=timers, by=by))

    async def offer(self, conversation_id: str, offer_id: str, *, user: str, name: str, until: datetime) -> None:
        """Tells a conversation that it is offered to an agent."""
        await self._signal(conversation_id, "offer", Offer(offer_id=offer_id, user=user, name=name, until=until))

    async def position(self, conversation_id: str, position: int, average_wait: timedelta | None) -> None:
        """Tells a waiting conversation its place in the queue."""
        await self._signal(conversation_id, "position", Position(position=position, average_wait=average_wait))

    async def accept(self, conversation_id: str, offer_id: str, by: str) -> str | None:
        """An agent takes what they are offered. Returns why not, or None."""
        return await self._ask(conversation_id, Accept(offer_id=offer_id, by=by))

    async def reject(self, conversation_id: str, offer_id: str, by: str) -> str | None:
        """An agent does not take what they are offered. Returns why not, or None."""
        return await self._ask(conversation_id, Reject(offer_id=offer_id, by=by))

    async def withdraw(self, conversation_id: str, offer_id: str) -> None:
        """Takes an offer back."""
        await self._signal(conversation_id, "withdraw", Withdraw(offer_id=offer_id))

    async def _carry(self, conversation_id: str) -> None:
        outbox = self._outboxes[conversation_id]
        while outbox:
            batch = _first_batch(outbox)
            del outbox[: len(batch)]
            fault: Exception | None = None
            try:
                messages = Messages(messages=[_message(pending.words) for pending in batch])
                await self._signal(conversation_id, "message", messages)
            except Exception as error:  # whatever it is, those who wait must hear of it
                fault = error
            for pending in batch:
                if pending.accepted.done():
                    continue
                if fault:
                    pending.accepted.set_exception(fault)
                else:
                    pending.accepted.set_result(None)
        del self._outboxes[conversation_id]

    async def _signal(self, conversation_id: str, name: str, body: Messages | AnyEvent) -> None:
        try:
            await self._client.get_workflow_handle(conversation_id).signal(name, body, rpc_timeout=ENGINE_TIMEOUT)
        except RPCError as error:
            raise _fault(error) from error

    async def _ask(self, conversation_id: str, command: Command) -> str | None:
        handle = self._client.get_workflow_handle(conversation_id)
        # dated, so that it leads to the same when the engine must decide on it a second time
        given = command.model_copy(update={"at": datetime.now(UTC)})
        try:
            answer = await self._answer(handle, Ask(command=given))
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            raise Unavailable("The conversation engine did not answer in time.") from error
        except WorkflowUpdateFailedError as error:
            raise Ended from error
        except RPCError as error:
            raise _fault(error) from error
        return answer.refused.text if answer.refused else None

    async def _answer(self, handle: WorkflowHandle[Any, Any], ask: Ask) -> Answer:
        """The machine's answer. The engine drops an update whose task it does again, since something crossed it."""
        for pause in (*DROPPED_PAUSES, None):
            try:
                return await handle.execute_update(
                    ASK, ask, id=str(uuid4()), result_type=Answer, rpc_timeout=ENGINE_TIMEOUT
                )
            except RPCError as error:
                if error.status is not RPCStatusCode.FAILED_PRECONDITION or pause is None:
                    raise
            await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")


def _first_batch(outbox: list[_Pending]) -> list[_Pending]:
    size = 0
    for count, pending in enumerate(outbox[:SIGNAL_MESSAGES]):
        size += len(pending.words.content.encode())
        if size > SIGNAL_BYTES and count:
            return outbox[:count]
    return outbox[:SIGNAL_MESSAGES]


def _message(words: Words) -> Message:
    return Message(
        id=words.id,
        at=words.at,
        by=words.participant_id,
        role=Role(words.role),
        name=words.name,
        content=words.content,
        content_type=words.content_type,
    )


def _fault(error: RPCError) -> Ended | Unavailable:
    if error.status is RPCStatusCode.NOT_FOUND:
        return Ended()
    return Unavailable(f"The conversation engine does not answer: {error.message}")
