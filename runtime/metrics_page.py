"""The page of the metrics of a process, in the text format of Prometheus: `GET /metrics`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from runtime.sdk_metrics import SdkMetrics

LOOK_SECONDS = 2.0
"""How long the looks before a page may take. Without an answer the page has no values of theirs."""

NOT_PUBLIC = "Metrics are not for the internet: read them at the process, not through a proxy.\n"

logger = logging.getLogger(__name__)

Look = Callable[[], Awaitable[object]]
"""Reads anew what a page shows, at a bounded cost. It must bear to be cancelled."""


class MetricsPage:
    """Makes the page from the metrics of the process and of the SDK."""

    def __init__(self, registry: CollectorRegistry, looks: Sequence[Look] = (), sdk: SdkMetrics | None = None) -> None:
        self._registry = registry
        self._looks = looks
        self._sdk = sdk

    @property
    def route(self) -> Route:
        """The route of the page, for GET and HEAD."""
        return Route("/metrics", self._respond)

    async def text(self) -> bytes:
        """The page. What cannot be read is missing on it."""
        _, sdk = await asyncio.gather(self._look(), self._sdk_page())
        return generate_latest(self._registry) + sdk

    async def _respond(self, request: Request) -> Response:
        if "x-forwarded-for" in request.headers:
            return PlainTextResponse(NOT_PUBLIC, status_code=403)
        return Response(await self.text(), media_type=CONTENT_TYPE_LATEST)

    async def _look(self) -> None:
        for look in self._looks:
            with _complete_or_logged():
                async with asyncio.timeout(LOOK_SECONDS):
                    await look()

    async def _sdk_page(self) -> bytes:
        with _complete_or_logged():
            if self._sdk:
                return await self._sdk.page()
        return b""


@contextmanager
def _complete_or_logged() -> Generator[None]:
    try:
        yield
    except Exception as error:
        logger.info("the page of the metrics is incomplete: %s", type(error).__name__)
