"""The signals of a conversation. Each handler validates the JSON body and appends the event to the inbox; it decides nothing."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from pydantic import ValidationError

    from domain.events import (
        AcceptOffer,
        AnyEvent,
        Assign,
        Close,
        Configure,
        Connect,
        Disconnect,
        End,
        Invite,
        Leave,
        MakeOffer,
        Message,
        Messages,
        Park,
        QueuePosition,
        RejectOffer,
        Release,
        Resume,
        Transfer,
        WithdrawOffer,
        mistakes_of,
    )
    from domain.refusals import Refusal, RefusalCode, refusal
    from workflows.contract import CommandResult
    from workflows.payloads import Unreadable


UNREADABLE_BYTES = 1_000
"""As how many bytes a signal counts that cannot be read."""


class PendingCommand:
    """A command whose sender waits for the result. `id` is the id of its update."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.result: CommandResult | None = None


class SignalHandlers:
    """The signal handlers, and the inbox to which they append. They are synchronous, so none is ever unfinished."""

    def __init__(self, carried: Sequence[AnyEvent]) -> None:
        self.inbox: deque[tuple[AnyEvent, PendingCommand | None]] = deque((event, None) for event in carried)
        self.malformed: list[tuple[str, Refusal]] = []
        self.signals = 0
        self.characters = 0
        """The characters of the messages. They count before version 5 of the rules."""
        self.bytes = 0
        """The size of the bodies as JSON, at least as large as in the history."""
        self.renewal_requested = False

    def drop_signalled(self, count: int) -> list[str]:
        """Remove the first `count` signalled events from the inbox. Returns the ids of the messages among them."""
        signalled = [entry for entry in self.inbox if entry[1] is None][: max(0, count)]
        for entry in signalled:
            self.inbox.remove(entry)
        return [event.id for event, _ in signalled if isinstance(event, Message) and event.id]

    def drop_until(self, instant: datetime) -> int:
        """Remove the events that happened until an instant, except messages. Returns how many of them were signalled."""
        past = [entry for entry in self.inbox if _happened_until(instant, *entry)]
        for entry in past:
            self.inbox.remove(entry)
        return len(past)

    @workflow.signal
    def message(self, *inputs: Any) -> None:
        """Body: one message `{"content", "content_type"?, "by"?}` or `{"messages": [...]}`."""
        self._count(inputs)
        try:
            batch = Messages.model_validate(*_readable(inputs))
        except (ValidationError, TypeError) as error:
            self._refuse("message", error)
        else:
            self.inbox.extend((message, None) for message in batch.messages)
            self.characters += sum(len(message.content) for message in batch.messages)

    @workflow.signal
    def connect(self, *inputs: Any) -> None:
        """Body: `{"by": participant}`."""
        self._receive(Connect, inputs)

    @workflow.signal
    def disconnect(self, *inputs: Any) -> None:
        """Body: `{"by": participant, "since"?: last sign of life}`."""
        self._receive(Disconnect, inputs)

    @workflow.signal
    def assign(self, *inputs: Any) -> None:
        """Body: `{"user", "name", "by"?}`."""
        self._receive(Assign, inputs)

    @workflow.signal
    def transfer(self, *inputs: Any) -> None:
        """Body: `{"queue", "contact_id"?, "user"?, "name"?, "by"?}`."""
        self._receive(Transfer, inputs)

    @workflow.signal
    def release(self, *inputs: Any) -> None:
        """Body: `{"by"?}`."""
        self._receive(Release, inputs)

    @workflow.signal
    def invite(self, *inputs: Any) -> None:
        """Body: `{"participant_id", "name", "by"?}`."""
        self._receive(Invite, inputs)

    @workflow.signal
    def leave(self, *inputs: Any) -> None:
        """Body: `{"by": participant}`."""
        self._receive(Leave, inputs)

    @workflow.signal
    def park(self, *inputs: Any) -> None:
        """Body: `{"by"?}`."""
        self._receive(Park, inputs)

    @workflow.signal
    def resume(self, *inputs: Any) -> None:
        """Body: `{"user"?, "name"?, "by"?}`."""
        self._receive(Resume, inputs)

    @workflow.signal
    def end(self, *inputs: Any) -> None:
        """Body: `{"by"?}`: `customer`, `agent`, or the name of the operator who stops the chat."""
        self._receive(End, inputs)

    @workflow.signal
    def close(self, *inputs: Any) -> None:
        """Body: `{"by"?}`."""
        self._receive(Close, inputs)

    @workflow.signal
    def configure(self, *inputs: Any) -> None:
        """Body: `{"timers": [{"role", "kind", "limit"?}]}`."""
        self._receive(Configure, inputs)

    @workflow.signal
    def position(self, *inputs: Any) -> None:
        """Body: `{"position", "average_wait"?}`."""
        self._receive(QueuePosition, inputs)

    @workflow.signal
    def offer(self, *inputs: Any) -> None:
        """Body: `{"offer_id", "user", "name", "until"}`; normally sent by routing."""
        self._receive(MakeOffer, inputs)

    @workflow.signal
    def accept(self, *inputs: Any) -> None:
        """Body: `{"offer_id", "by"?}`."""
        self._receive(AcceptOffer, inputs)

    @workflow.signal
    def reject(self, *inputs: Any) -> None:
        """Body: `{"offer_id", "by"?}`."""
        self._receive(RejectOffer, inputs)

    @workflow.signal
    def withdraw(self, *inputs: Any) -> None:
        """Body: `{"offer_id"}`; normally sent by routing."""
        self._receive(WithdrawOffer, inputs)

    @workflow.signal
    def renew(self, *_: Any) -> None:
        """Continue as new, under the present version of the rules (`workflows.rules_version`), and write the whole record.

        Takes no body.
        """
        self._count(())
        self.renewal_requested = True

    @workflow.signal(dynamic=True)
    def unknown(self, name: str, inputs: Sequence[RawValue]) -> None:
        """Any other name is recorded as refused."""
        self._count(())
        self.bytes += sum(len(body.payload.data) for body in inputs)
        self.malformed.append((name, refusal(RefusalCode.UNKNOWN_SIGNAL)))

    def _count(self, inputs: tuple[Any, ...]) -> None:
        if _has_unreadable(inputs):
            # it does not count as a signal, because the first runs did not see it
            self.bytes += UNREADABLE_BYTES
            return
        self.signals += 1
        self.bytes += len(json.dumps(inputs, default=repr))  # it escapes all but ASCII, as senders may

    def _receive(self, event: type[AnyEvent], inputs: tuple[Any, ...]) -> None:
        self._count(inputs)
        try:
            self.inbox.append((event.model_validate(*(_readable(inputs) or ({},))), None))
        except (ValidationError, TypeError) as error:
            self._refuse(event.model_fields["kind"].default, error)

    def _refuse(self, name: str, error: ValidationError | TypeError) -> None:
        self.malformed.append((name, refusal(RefusalCode.MALFORMED, mistakes=mistakes_of(error))))


def _readable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs. Raises `TypeError` if one of them could not be read."""
    if _has_unreadable(inputs):
        raise TypeError
    return inputs


def _has_unreadable(inputs: tuple[Any, ...]) -> bool:
    return any(isinstance(each, Unreadable) for each in inputs)


def _happened_until(instant: datetime, event: AnyEvent, pending: PendingCommand | None) -> bool:
    return pending is None and not isinstance(event, Message) and event.at is not None and event.at <= instant
