"""Webhooks: whether events are sent to them."""

from __future__ import annotations

from enum import StrEnum


class WebhookState(StrEnum):
    """Whether events are sent. In each state but the first, the workflow of the webhook decides what comes next."""

    SENDING = "sending"
    FAILING = "failing"
    PAUSED = "paused"
    DISABLED = "disabled"
