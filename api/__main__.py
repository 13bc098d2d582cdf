"""The API process, `python -m api`: serves HTTP and WebSockets with a Temporal server and a store."""

from __future__ import annotations

import logging

from api.app import build_services, create_app
from api.server import serving
from engine.client import ConversationClient
from parts import opened_parts
from runtime.ports import check_port
from runtime.process import run_process, stop_on_signals
from runtime.settings import Settings
from runtime.temporal import connect

logger = logging.getLogger(__name__)


async def run(settings: Settings) -> None:
    """Serve the API until SIGINT or SIGTERM."""
    stop = stop_on_signals()
    check_port(settings.api_host, settings.api_port, "The API", "PERENNIAL_API_PORT")
    client = await connect(settings)
    async with opened_parts(settings) as parts:
        app = create_app(build_services(settings, *parts, ConversationClient(client, settings)))
        async with serving(app, settings):
            logger.info("the API listens on http://%s:%s", settings.api_host, settings.api_port)
            await stop.wait()


if __name__ == "__main__":
    run_process(run)
