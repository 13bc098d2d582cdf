"""The API process: `python -m api`. Serves HTTP and WebSockets against a Temporal server and a store."""

from __future__ import annotations

import logging

from api.app import build_services, create_app
from api.server import API_EXIT, serve
from bootstrap import opened_resources
from engine.client import ConversationClient
from runtime.errors import StartupError
from runtime.metrics import ApiMetrics
from runtime.ports import base_url, check_port
from runtime.process import ReportedExit, command_line, run_process, stop_on_signals
from runtime.sdk_metrics import SdkMetrics
from runtime.settings import Settings
from runtime.temporal import connect

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
    sdk, metrics = SdkMetrics(), ApiMetrics()
    conversations = ConversationClient(await connect(settings, retries=False, sdk=sdk), settings, metrics)
    async with ReportedExit(opened_resources(settings), "the store to close") as resources:
        services = build_services(settings, *resources, conversations, metrics)
        app = create_app(services, sdk=sdk)
        async with ReportedExit(serve(app, settings), API_EXIT) as port:
            logger.info("the API listens on %s", base_url(settings.api_host, port))
            await stop.wait()
            services.readiness.stopping()


def main() -> None:
    """Parse the command line and run."""
    command_line("api", "Run the API of Perennial against a Temporal server and a store.").parse_args()
    run_process(run)


if __name__ == "__main__":
    main()
