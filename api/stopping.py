"""The stop of an API process beside others, which take its clients over without a gap.

At first it serves as before, so that load balancers can notice that it is not ready. Then it takes no new connections, ends each
connection of HTTP with the next answer, and closes its sockets one after the other. Their clients connect again at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.dependencies import Services

logger = logging.getLogger(__name__)

EXIT_TIME = timedelta(seconds=8)
"""The part of the stop that is left for the last requests and writes."""

LAST_ANSWERS_SECONDS = 1.0
"""How long connections that are kept alive get a last answer at least. A request to one that just closes is lost."""


class LastAnswers:
    """Once the process takes no new connections, each answer ends its connection, so that the next request goes elsewhere."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def send_last(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["connection"] = "close"
            await send(message)

        is_last = self._services.stopping.is_set() and scope["type"] == "http"
        await self._app(scope, receive, send_last if is_last else send)


async def hand_over_clients(services: Services, stop_listening: Callable[[], None]) -> None:
    """Hand the clients of this process over to the other API processes. Without others it returns at once.

    Takes `stop_time` less `EXIT_TIME` at most.

    Args:
        services: the services of the process.
        stop_listening: has the process take no new connections.
    """
    if not await _others_run(services):
        return
    settings = services.settings
    logger.info("the API stops, and hands %d sockets over to other processes", len(services.open_sockets))
    await asyncio.sleep(settings.stop_notice.total_seconds())
    stop_listening()
    services.stopping.set()
    within = max(settings.stop_time - settings.stop_notice - EXIT_TIME, timedelta(seconds=LAST_ANSWERS_SECONDS))
    await asyncio.gather(services.open_sockets.hand_over(within), asyncio.sleep(LAST_ANSWERS_SECONDS))


async def _others_run(services: Services) -> bool:
    try:
        return await services.connections.others_run()
    except Exception as error:  # whatever is wrong with the store, the process must stop in order
        logger.warning("cannot see whether other API processes run: %s", type(error).__name__)
        return True
