"""Webhooks: whether events are sent to them, and in which form."""

from __future__ import annotations

from enum import StrEnum


class WebhookState(StrEnum):
    """Whether events are sent. In each state but the first, the workflow of the webhook decides what comes next."""

    SENDING = "sending"
    FAILING = "failing"
    PAUSED = "paused"
    DISABLED = "disabled"


class WebhookFormat(StrEnum):
    """The form of what a webhook gets."""

    CLOUDEVENTS = "cloudevents"
    """CloudEvents 1.0, as the feed shows events."""
    EVENTBRIDGE = "eventbridge"
    """Contact events of Amazon Connect, as EventBridge delivers them. Only events that Amazon Connect knows have this form."""


class WebhookSignal(StrEnum):
    """What the workflow of a webhook that fails can be asked to do."""

    RETRY_NOW = "retry_now"
    PAUSE = "pause"
    RESUME = "resume"
    SKIP = "skip"
