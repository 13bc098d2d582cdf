"""The activity of a webhook that fails: one try to deliver its next event."""

from __future__ import annotations

from datetime import UTC, datetime

from temporalio import activity

from activities.outages import store_may_be_away
from configuration.current import Configuration
from domain.webhooks import WebhookState
from runtime.logs import INSTANCE
from store.database import Database
from store.webhooks import WebhookKey, find_webhook, set_webhook_state
from webhooks.configured_endpoints import ConfiguredEndpoints
from webhooks.deliveries import DeliveryAttempt, deliver
from webhooks.endpoints import Endpoint, Page
from webhooks.receivers import Receivers
from webhooks.sender import PAGE
from webhooks.streamed_chats import StreamedChats
from workflows.webhook_contract import TryOutcome, TryResult, WebhookActivities, WebhookStep


class WebhookTries(WebhookActivities):
    """Implements the activity on a store, the current configuration, and the receivers."""

    def __init__(self, db: Database, configuration: Configuration, receivers: Receivers) -> None:
        self._db, self._receivers = db, receivers
        self._endpoints = ConfiguredEndpoints(db, configuration, StreamedChats(db, look_seconds=0))

    @activity.defn
    async def try_webhook(self, wanted: WebhookStep) -> TryResult:
        """Note the state of a webhook, and try to deliver its next event. After a success the workers send again.

        Raises:
            ApplicationError: the store is away. The caller retries.
        """
        INSTANCE.set(wanted.instance)
        with store_may_be_away():
            return await self._try(wanted, WebhookKey(wanted.instance, wanted.name))

    async def _try(self, wanted: WebhookStep, key: WebhookKey) -> TryResult:
        endpoint = self._endpoints.find(key)
        if endpoint is None or await find_webhook(self._db, key) is None:
            return TryResult(outcome=TryOutcome.REMOVED, reason="the configuration does not have it any more")
        await set_webhook_state(self._db, key, wanted.state, datetime.now(UTC))
        if not wanted.sends:
            return TryResult(outcome=TryOutcome.NOTED)
        if wanted.skips and (skipped := await self._next_page(key, endpoint)):
            await skipped.record_progress({skipped.to_send[0].id}, ())
        page = await self._next_page(key, endpoint)
        if page is None:
            return await self._go_on(key)
        attempt = await deliver(self._receivers, endpoint.settings, page.to_send[0])
        is_done = attempt.delivery.is_done
        await page.record_progress({page.to_send[0].id} if is_done else (), [attempt.delivery])
        return await self._go_on(key) if is_done else _failed(attempt)

    async def _next_page(self, key: WebhookKey, endpoint: Endpoint) -> Page | None:
        """Return the next page that has something to send; None when there is none. Passes over what is not wanted."""
        while (webhook := await find_webhook(self._db, key)) and (page := await endpoint.page(webhook, PAGE)):
            if page.to_send:
                return page
            await page.record_progress((), ())
        return None

    async def _go_on(self, key: WebhookKey) -> TryResult:
        await set_webhook_state(self._db, key, WebhookState.SENDING, datetime.now(UTC))
        return TryResult(outcome=TryOutcome.DELIVERED)


def _failed(attempt: DeliveryAttempt) -> TryResult:
    delivery = attempt.delivery
    status = f"{delivery.status} " if delivery.status else ""
    return TryResult(
        outcome=TryOutcome.GONE if attempt.is_last else TryOutcome.FAILED,
        reason=f"{status}{delivery.answer}"[:200],
        event_id=delivery.event_id,
        retry_after=attempt.retry_after,
    )
