"""The contract of the workflow of a webhook that fails: its input, its state, and the signature of its activity."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from temporalio import activity

from domain.value import Value
from domain.webhooks import WebhookState

WORKFLOW = "Webhook"


def workflow_id(instance: str, name: str) -> str:
    """The id of the workflow of a webhook."""
    return f"webhook/{instance}/{name}"


class FailingWebhook(Value):
    """A webhook whose next event cannot be delivered."""

    instance: str
    name: str


class WebhookStep(Value):
    """One call of the activity. It sets the state, passes over the next event if `skips`, and tries to send if `sends`.

    Attributes:
        state: the state that the store gets first.
        sends: whether to try to deliver the next event.
        skips: whether to pass over the next event first.
    """

    instance: str
    name: str
    state: WebhookState
    sends: bool = True
    skips: bool = False


class TryOutcome(StrEnum):
    """What came of a try."""

    DELIVERED = "delivered"
    """The next event is delivered, or there is none. The workers send again."""
    FAILED = "failed"
    GONE = "gone"
    """The receiver wants no more."""
    REMOVED = "removed"
    """The configuration has the webhook no more."""
    NOTED = "noted"
    """Nothing was sent."""


class TryResult(Value):
    """What came of a try, and why."""

    outcome: TryOutcome
    reason: str = ""
    event_id: str = ""
    retry_after: float | None = None


class WebhookStatus(Value):
    """What operators see of a webhook that fails.

    Attributes:
        reason: what the receiver last answered, or why it did not.
        event_id: the event that cannot be delivered.
        since: when it began to fail.
        attempts: the attempts of this workflow.
        next_try: when the next one is; None without one.
    """

    state: WebhookState
    reason: str
    event_id: str
    since: datetime
    attempts: int
    next_try: datetime | None


class WebhookActivities:
    """The signature of the activity; `webhooks/` implements it."""

    @activity.defn
    async def try_webhook(self, wanted: WebhookStep) -> TryResult:
        """Try to deliver the next event of a webhook, and note the state of the webhook. Can deliver an event twice."""
        raise NotImplementedError
