"""The API process: `python -m api`. Serves HTTP and WebSockets against a Temporal server and a store."""

from __future__ import annotations

import logging
from functools import partial

from api.app import build_services, create_app
from api.server import API_EXIT, serve
from api.stopping import hand_over_clients
from bootstrap import opened_resources
from engine.client import ConversationClient
from runtime.errors import StartupError
from runtime.metrics import ApiMetrics
from runtime.ports import base_url, check_port
from runtime.process import ReportedExit, command_line, limit_stop, run_process, stop_on_signals
from runtime.sdk_metrics import SdkMetrics
from runtime.settings import Settings
from runtime.temporal import connect
from runtime.tracing import sent_traces
from runtime.waiting import Patience

logger = logging.getLogger(__name__)


async def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        StartupError: there are no token keys. Each API process would make one of its own, and refuse the tokens of the
            others.
    """
    stop = stop_on_signals()
    if not settings.token_keys:
        raise StartupError(
            "PERENNIAL_TOKEN_KEYS is not set: all API processes must sign tokens with the same secrets; "
            """give each of them the same list, for example PERENNIAL_TOKEN_KEYS='["at least 32 random characters"]'"""
        )
    check_port(settings.api_host, settings.api_port, "The API", "PERENNIAL_API_PORT")
    patience, sdk, metrics = Patience(stop), SdkMetrics(), ApiMetrics()
    client = await patience(partial(connect, settings, retries=False, sdk=sdk))
    conversations = ConversationClient(client, settings, metrics)
    async with (
        sent_traces("perennial-api"),
        ReportedExit(opened_resources(settings, wait=patience), "the store to close") as resources,
    ):
        services = build_services(settings, *resources, conversations, metrics)
        async with ReportedExit(serve(create_app(services, sdk=sdk), settings), API_EXIT) as served:
            logger.info("the API listens on %s", base_url(settings.api_host, served.port))
            await stop.wait()
            services.readiness.stopping()
            limit_stop(settings.stop_time)
            await hand_over_clients(services, served.stop_listening)


def main() -> None:
    """Parse the command line and run."""
    command_line("api", "Run the API of Perennial against a Temporal server and a store.").parse_args()
    run_process(run)


if __name__ == "__main__":
    main()
