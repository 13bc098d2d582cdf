"""Client of the conversation workflows: start, message, signal, command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import uuid4

from temporalio.client import (
    Client,
    WorkflowHandle,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import QueryRejectCondition, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from configuration.policies import policy_for
from configuration.schema.instances import InstanceSettings
from domain.conversation import ConversationOpening
from domain.errors import ConversationEnded, EngineUnavailable
from domain.events import AnyEvent, Command, Message, Messages
from domain.policy import Policy
from domain.refusals import Refusal
from domain.webhooks import WebhookSignal
from engine import attachment_checks, workflow_runs
from engine.calls import TRANSIENT, domain_error_of, with_retries
from engine.command_turns import CommandTurns
from engine.message_batches import MessageBatches
from engine.message_traces import MessageTraces
from engine.webhook_signals import signal_webhook
from runtime.metrics import ApiMetrics
from runtime.settings import Settings
from runtime.temporal import ask_for_namespace
from runtime.tracing import span
from store.records import StoredConversation
from workflows import operator_details, search_attributes
from workflows.attachment_check import CheckAttachment
from workflows.checkpoint_states import opening_of
from workflows.contract import ASK, STATUS, WORKFLOW, CommandRequest, CommandResult, StartConversation
from workflows.state import ConversationState

RPC_TIMEOUT = timedelta(seconds=10)
TRANSIENT_FOR_UPDATES = TRANSIENT | {RPCStatusCode.FAILED_PRECONDITION}
"""Errors of an update that passes. Temporal drops it when it repeats the workflow task, for example after a signal meanwhile."""


class ConversationClient:
    """Access to conversations.

    Every method raises `EngineUnavailable` when a call to Temporal fails. What was sent may still take effect. All methods except
    `start` raise `ConversationEnded` when the workflow does not run or has ended.
    """

    def __init__(self, client: Client, settings: Settings, metrics: ApiMetrics | None = None) -> None:
        self._traces = MessageTraces()
        self._client = self._traces.client(client)
        self._metrics = metrics or ApiMetrics()
        self._settings = settings
        self._turns = CommandTurns()
        self._batches = MessageBatches(self._send_messages)
        self._command_listeners: list[Callable[[str], None]] = []
        self._lost_listeners: list[Callable[[str], Awaitable[None]]] = []

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the id of a conversation after each command for it, before `execute_command` returns."""
        self._command_listeners.append(listener)

    def subscribe_lost(self, listener: Callable[[str], Awaitable[None]]) -> None:
        """Call `listener` with the id of a conversation that has no running workflow, before `ConversationEnded` is raised."""
        self._lost_listeners.append(listener)

    async def start(
        self,
        opening: ConversationOpening,
        instance: InstanceSettings,
        *,
        duration: timedelta | None = None,
        first_message: Message | None = None,
    ) -> None:
        """Start a conversation's workflow under its instance's policy. Idempotent: a second start changes nothing.

        Args:
            opening: the initial data of the conversation.
            instance: the current configuration of its instance.
            duration: the chat duration that the request sets; None means that of the workstream.
            first_message: recorded as the first item of the transcript.
        """
        start = StartConversation(
            opening=opening,
            policy=self.policy(instance, opening, duration),
            initial_message=first_message,
            recycle_after=self._settings.recycle_after,
        )
        with span("start", opening.contact_id):
            await self._start(start, opening, WorkflowIDReusePolicy.REJECT_DUPLICATE)

    def policy(
        self,
        instance: InstanceSettings,
        conversation: ConversationOpening | StoredConversation,
        duration: timedelta | None = None,
    ) -> Policy:
        """The policy with which a conversation starts: see `policy_for`."""
        return policy_for(instance, conversation, duration, archive=self.archives)

    @property
    def archives(self) -> bool:
        """Whether the transcripts of conversations that start now are archived."""
        return self._settings.archive_address is not None

    async def restart(self, start: StartConversation, state: ConversationState) -> None:
        """Start the workflow of a conversation once more, from a state. Idempotent: no effect while it runs."""
        start = start.model_copy(update={"recycle_after": self._settings.recycle_after})
        await self._start(start, start.opening or opening_of(state), WorkflowIDReusePolicy.ALLOW_DUPLICATE)

    async def _start(
        self, start: StartConversation, opening: ConversationOpening, reuse: WorkflowIDReusePolicy
    ) -> None:
        try:
            await with_retries(
                lambda: self._client.start_workflow(
                    WORKFLOW,
                    start,
                    id=opening.contact_id,
                    task_queue=self._settings.temporal_task_queue,
                    id_reuse_policy=reuse,
                    search_attributes=search_attributes.at_start(opening),
                    static_summary=operator_details.summary(opening.mode, opening.workstream),
                    static_details=operator_details.rules(start.policy),
                    rpc_timeout=RPC_TIMEOUT,
                )
            )
        except WorkflowAlreadyStartedError:
            return
        except RPCError as error:
            raise EngineUnavailable from error

    async def send_message(self, conversation_id: str, message: Message) -> None:
        """Send a message. Returns once it is durable: the transcript will contain it exactly once, by its `id`."""
        with self._traces.sending(conversation_id, message):
            await self._batches.add(conversation_id, message)

    async def check_attachment(self, job: CheckAttachment, verdict_within: float) -> bool:
        """Have an attachment checked, and the conversation told the verdict. See `attachment_checks.check`."""
        return await attachment_checks.check(
            self._client, self._settings.temporal_task_queue, job, RPC_TIMEOUT, verdict_within
        )

    async def signal_webhook(self, instance: str, name: str, signal: WebhookSignal) -> bool:
        """Signal the workflow of a webhook. Returns False when the webhook does not fail. See `webhook_signals`."""
        return await signal_webhook(self._client, instance, name, signal)

    async def signal(self, conversation_id: str, event: AnyEvent) -> None:
        """Send an event without waiting for its effect. Returns once Temporal has stored it."""
        with span(f"signal {event.kind}", conversation_id):
            await self._signal(conversation_id, event.kind, event)

    async def execute_command(
        self, conversation_id: str, command: Command, *, of_customer: bool = False
    ) -> Refusal | None:
        """Send a command, and return once its effect is in the store. Returns the refusal, or None if the command is done.

        Commands of a conversation are sent one after the other, those of customers last. See `CommandTurns`.

        Raises:
            Throttled: too many commands of the conversation wait.
        """
        async with self._turns.turn(conversation_id, last=of_customer):
            return await self._execute(conversation_id, command)

    async def _execute(self, conversation_id: str, command: Command) -> Refusal | None:
        handle = self._client.get_workflow_handle(conversation_id)
        # with the instant of sending, a repeated workflow task makes the same decision
        dated = command.model_copy(update={"at": datetime.now(UTC)})
        try:
            with span(f"command {command.kind}", conversation_id):
                answer = await self._update(handle, CommandRequest(command=dated))
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            raise EngineUnavailable from error
        except WorkflowUpdateFailedError as error:
            raise ConversationEnded from error
        except RPCError as error:
            raise await self._fault(conversation_id, error) from error
        finally:
            for listener in self._command_listeners:
                listener(conversation_id)
        return answer.refused

    async def renew(self, conversation_id: str) -> None:
        """Have a conversation continue as new, and write its whole record. Returns once Temporal has stored the signal."""
        await self._signal(conversation_id, "renew")

    async def check_connection(self) -> None:
        """Return once Temporal answers.

        Raises:
            EngineUnavailable: it does not answer within a second.
        """
        try:
            await ask_for_namespace(self._client, timedelta(seconds=1))
        except RPCError as error:
            raise EngineUnavailable from error

    async def running(self) -> dict[str, str]:
        """The state of each conversation that runs, by its id. The list of workflows lags some seconds behind."""
        query = f"WorkflowType = '{WORKFLOW}' AND ExecutionStatus = 'Running'"
        try:
            return {
                workflow.id: workflow.typed_search_attributes.get(search_attributes.STATE, "")
                async for workflow in self._client.list_workflows(query)
            }
        except RPCError as error:
            raise EngineUnavailable from error

    async def running_state(self, conversation_id: str) -> ConversationState | None:
        """The state of a conversation that runs; None when it does not. A worker must run."""
        handle = self._client.get_workflow_handle(conversation_id)
        try:
            return await handle.query(
                STATUS,
                result_type=ConversationState,
                reject_condition=QueryRejectCondition.NOT_OPEN,
                rpc_timeout=RPC_TIMEOUT,
            )
        except WorkflowQueryRejectedError:
            return None
        except RPCError as error:
            if isinstance(domain_error_of(error), ConversationEnded):
                return None
            raise EngineUnavailable from error

    async def is_running(self, conversation_id: str) -> bool:
        """Whether the workflow of a conversation runs."""
        return await workflow_runs.is_running(self._client, conversation_id, RPC_TIMEOUT)

    async def delete_runs(self, conversation_id: str) -> int | None:
        """Have Temporal delete what it has about a conversation that has ended, see `workflow_runs.delete_runs`."""
        return await workflow_runs.delete_runs(self._client, conversation_id, RPC_TIMEOUT)

    async def _send_messages(self, conversation_id: str, messages: Messages) -> None:
        await self._signal(conversation_id, "message", messages)

    async def _signal(self, conversation_id: str, name: str, *body: Messages | AnyEvent) -> None:
        began = monotonic()
        try:
            handle = self._client.get_workflow_handle(conversation_id)
            await with_retries(lambda: handle.signal(name, args=body, rpc_timeout=RPC_TIMEOUT))
        except RPCError as error:
            fault = await self._fault(conversation_id, error)
            if isinstance(fault, EngineUnavailable):
                self._metrics.failed_signals.labels(name).inc()
            raise fault from error
        self._metrics.signal_seconds.labels(name).observe(monotonic() - began)

    async def _fault(self, conversation_id: str, error: RPCError) -> ConversationEnded | EngineUnavailable:
        fault = domain_error_of(error)
        for listener in self._lost_listeners if isinstance(fault, ConversationEnded) else ():
            await listener(conversation_id)
        return fault

    async def _update(self, handle: WorkflowHandle[Any, Any], request: CommandRequest) -> CommandResult:
        id = str(uuid4())  # the same for each attempt, so that the conversation decides on the command once
        attempts = 0

        async def attempt() -> CommandResult:
            nonlocal attempts
            attempts += 1
            return await handle.execute_update(ASK, request, id=id, result_type=CommandResult, rpc_timeout=RPC_TIMEOUT)

        try:
            return await with_retries(attempt, TRANSIENT_FOR_UPDATES)
        except RPCError as error:
            # the store kept the effect of an attempt that Temporal dropped, and the workflow has ended by it
            if attempts > 1 and error.status is RPCStatusCode.NOT_FOUND and (result := await _decided(handle, id)):
                return result
            raise


async def _decided(handle: WorkflowHandle[Any, Any], command_id: str) -> CommandResult | None:
    """The result of a command on which an ended workflow has decided; None when it has not."""
    state = await handle.query(STATUS, result_type=ConversationState, rpc_timeout=RPC_TIMEOUT)
    decided = state.decided_command(command_id)
    return CommandResult(refused=decided.refused, state=decided.state) if decided else None
