"""The real Temporal server with time skipping: each conversation has its own clock, which a test can advance."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

from runtime.devserver import server_options, temporal_binary
from workflows.search_attributes import KEYS


@asynccontextmanager
async def time_skipping_server(folder: Path, port: int | None = None) -> AsyncGenerator[WorkflowEnvironment, None]:
    """Run the server of the all-in-one start, with its database in `folder`. The system chooses the port for None."""
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        ts_config=TimeSkippingConfig(enabled=False),
        port=port,
        dev_server_existing_path=temporal_binary(),
        dev_server_database_filename=str(folder / "temporal.db"),
        dev_server_extra_args=[
            *server_options(durable=False),
            *("--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"),
            # by default the server adds a second to each timer, for hosts whose clocks differ
            *("--dynamic-config-value", 'history.timerProcessorMaxTimeShift="10ms"'),
        ],
        data_converter=pydantic_data_converter,
        search_attributes=KEYS,
        identity="test",
    )
    async with environment:
        yield environment
