"""The workflow of a webhook that fails. Operators see in it what fails since when, and steer it with its signals.

As long as it runs, the workers send nothing to the webhook. It tries again on the schedule of Standard Webhooks. When an event is
delivered it ends, and the workers go on. After the last try the webhook is disabled, until an operator resumes it.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from domain.webhooks import WebhookState
    from workflows.webhook_contract import (
        WORKFLOW,
        FailingWebhook,
        TryOutcome,
        TryResult,
        WebhookActivities,
        WebhookStatus,
        WebhookStep,
    )

SCHEDULE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
"""The delays before the tries (Standard Webhooks: over about three days)."""

JITTER = 0.1
"""A delay is lengthened by a random part of up to this fraction, so that receivers that were away together are not overrun."""

_FINAL_OUTCOMES = (TryOutcome.DELIVERED, TryOutcome.REMOVED)


@workflow.defn(name=WORKFLOW)
class Webhook:
    """A webhook that fails. Signals: `retry_now`, `pause`, `resume`, `skip`. Query: `status`."""

    @workflow.init
    def __init__(self, start: FailingWebhook) -> None:
        self._webhook = start
        self._since = workflow.now()
        self._attempts = 0
        self._state = WebhookState.FAILING
        self._last = TryResult(outcome=TryOutcome.FAILED)
        self._next_try: datetime | None = None
        self._is_woken = self._skips = False

    @workflow.run
    async def run(self, start: FailingWebhook) -> str:
        """Try until an event is delivered, or the webhook is removed. Returns what ended it."""
        await self._run_activity(WebhookState.FAILING, sends=False)
        while self._last.outcome not in _FINAL_OUTCOMES:
            await self._wait()
            self._is_woken = False
            if self._state is WebhookState.PAUSED:
                await self._run_activity(WebhookState.PAUSED, sends=False)
                continue
            skips, self._skips = self._skips, False
            await self._run_activity(WebhookState.FAILING, skips=skips)
            self._attempts += 1
            if self._is_paused_since_try():
                self._last = TryResult(outcome=TryOutcome.NOTED)
            elif self._has_given_up():
                self._state, self._next_try = WebhookState.DISABLED, None
                await self._run_activity(WebhookState.DISABLED, sends=False)
        return self._last.outcome

    @workflow.signal
    def retry_now(self, *_: Any) -> None:
        """Try at once."""
        self._is_woken = True

    @workflow.signal
    def pause(self, *_: Any) -> None:
        """Send nothing until `resume`."""
        self._state = WebhookState.PAUSED
        self._is_woken = True

    @workflow.signal
    def resume(self, *_: Any) -> None:
        """Go on after `pause`, or after the webhook was disabled: at once, and with a new schedule."""
        self._state = WebhookState.FAILING
        self._attempts = 0
        self._is_woken = True

    @workflow.signal
    def skip(self, *_: Any) -> None:
        """Pass over the event that cannot be delivered, and try the next one at once, or after `resume` if it is paused."""
        self._skips = self._is_woken = True

    @workflow.query
    def status(self) -> WebhookStatus:
        """What fails, since when, and when the next try is."""
        return WebhookStatus(
            state=self._state,
            reason=self._last.reason,
            event_id=self._last.event_id,
            since=self._since,
            attempts=self._attempts,
            next_try=self._next_try,
        )

    async def _wait(self) -> None:
        """Wait for the next try, or for a signal."""
        if self._is_woken:
            return
        if self._state is not WebhookState.FAILING:
            self._next_try = None
            self._show_details()
            await workflow.wait_condition(lambda: self._is_woken)
            return
        delay = max(SCHEDULE[min(self._attempts, len(SCHEDULE) - 1)], timedelta(seconds=self._last.retry_after or 0))
        delay *= 1 + JITTER * workflow.random().random()
        self._next_try = workflow.now() + delay
        self._show_details()
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._is_woken, timeout=delay, timeout_summary="the next try")

    def _is_paused_since_try(self) -> bool:
        """Whether it was paused while an event was delivered. The workers are not to send the next one."""
        return self._state is WebhookState.PAUSED and self._last.outcome is TryOutcome.DELIVERED

    def _has_given_up(self) -> bool:
        is_last = self._attempts >= len(SCHEDULE)
        return self._last.outcome is TryOutcome.GONE or (self._last.outcome is TryOutcome.FAILED and is_last)

    async def _run_activity(self, state: WebhookState, *, sends: bool = True, skips: bool = False) -> None:
        wanted = WebhookStep(
            instance=self._webhook.instance, name=self._webhook.name, state=state, sends=sends, skips=skips
        )
        result = await workflow.execute_activity_method(
            WebhookActivities.try_webhook,
            wanted,
            start_to_close_timeout=timedelta(minutes=1),
            retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=1)),
            summary=f"{'skip and ' if skips else ''}{'send' if sends else state}",
        )
        if result.outcome is not TryOutcome.NOTED:
            self._last = result

    def _show_details(self) -> None:
        """Show the state in the Temporal UI."""
        next_try = f"next try {self._next_try:%Y-%m-%d %H:%M:%S} UTC" if self._next_try else "no next try"
        reason = f": {self._last.reason}" if self._last.reason else ""
        workflow.set_current_details(
            f"{self._webhook.name} of {self._webhook.instance} is {self._state} since {self._since:%Y-%m-%d %H:%M:%S} UTC, "
            f"{next_try}{reason}"
        )
