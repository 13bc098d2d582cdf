"""The metrics of Temporal's SDK: calls to the server, tasks, pollers, the cache of workflows, and those that workflows count.

The SDK counts in its own threads and serves a page of its own, here on a loopback port that only this process reads. So counting
costs Python nothing, and the page of the process (`runtime.metrics_page`) holds everything in one place. The SDK's other way, a
buffer of every single update, would have to be emptied in Python all the time.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import closing
from http.client import HTTPConnection

from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

READ_SECONDS = 1.0
"""How long the SDK may take for its page."""

_ATTEMPTS = 5


class SdkMetrics:
    """A runtime of the SDK that counts. `runtime` is for the clients of the process."""

    def __init__(self) -> None:
        self.runtime, self._address = _counting_runtime()

    async def page(self) -> bytes:
        """The SDK's metrics in the text format of Prometheus.

        Raises:
            OSError: the SDK does not answer within `READ_SECONDS`.
        """
        return await asyncio.to_thread(self._read)

    def _read(self) -> bytes:
        with closing(HTTPConnection(self._address, timeout=READ_SECONDS)) as connection:
            connection.request("GET", "/metrics")
            return connection.getresponse().read()


def _counting_runtime() -> tuple[Runtime, str]:
    for attempt in range(1, _ATTEMPTS + 1):
        address = f"127.0.0.1:{_free_port()}"
        config = PrometheusConfig(
            bind_address=address, counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True
        )
        try:
            return Runtime(telemetry=TelemetryConfig(logging=_logging(), metrics=config)), address
        except (RuntimeError, ValueError):
            if attempt == _ATTEMPTS:
                raise
            # another process was faster to take the port
    raise AssertionError


def _logging() -> LoggingConfig:
    """The core's log goes the way of all others (`runtime.logs`). Its fields are left out, because they can hold payloads."""
    forwarding = LogForwardingConfig(
        logging.getLogger("temporalio.core"),
        append_target_to_name=False,
        prepend_target_on_message=False,
        append_log_fields_to_message=False,
    )
    return LoggingConfig(filter=TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding=forwarding)


def _free_port() -> int:
    """A port that is free now. The SDK cannot say which port the system has chosen for it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
