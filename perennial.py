"""Everything on one machine: `python -m perennial` runs the Temporal server, the worker, the API and the store.

The one place that knows worker and API together; `python -m worker` and `python -m api` run them apart.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from api.app import build_services, create_app
from api.server import serving
from engine.client import ConversationClient
from parts import opened_parts
from runtime.devserver import own_data_dir, temporal_server
from runtime.instances import Instance
from runtime.ports import check_port
from runtime.process import run_process, stop_on_signals
from runtime.settings import DEMO_SECRET, Settings
from runtime.temporal import connect, register_search_attributes
from worker import build_worker
from workflows.search import KEYS


async def run(settings: Settings) -> None:
    """Runs until Ctrl-C or SIGTERM; then API, worker and Temporal stop, in this order."""
    stop = stop_on_signals()
    with own_data_dir(settings.data_dir):
        check_port(settings.api_host, settings.api_port, "The API", "PERENNIAL_API_PORT")
        async with temporal_server(settings):
            client = await connect(settings)
            await register_search_attributes(client, KEYS)
            async with opened_parts(settings) as parts:
                app = create_app(build_services(settings, *parts, ConversationClient(client, settings)))
                async with build_worker(client, settings, *parts), serving(app, settings):
                    print(_welcome(settings, parts[-1].instances), flush=True)  # noqa: T201
                    await stop.wait()
                    print("\nStopping...", flush=True)  # noqa: T201


def _welcome(settings: Settings, instances: Mapping[str, Instance]) -> str:
    api = f"http://{settings.api_host}:{settings.api_port}"
    key_id = next((name for name, key in settings.access_keys.items() if key.secret == DEMO_SECRET), None)
    lines = [
        "",
        "Perennial runs. Ctrl-C stops it; started again, every conversation goes on.",
        "",
        f"  API          {api}",
        f"  Temporal UI  http://127.0.0.1:{settings.ui_port}",
        f"  Temporal     127.0.0.1:{settings.temporal_port}",
        f"  data         {settings.data_dir.resolve()}",
    ]
    for name, instance in instances.items():
        lines.append(
            f"  instance     {name}: workstreams {', '.join(instance.workstreams)}; agents {', '.join(instance.agents)}"
        )
    if key_id:
        lines += [
            f"  access key   {key_id} / {DEMO_SECRET} (for this machine only)",
            "",
            "Start a chat (pip install boto3):",
            "",
            "  import boto3",
            f'  connect = boto3.client("connect", endpoint_url="{api}", region_name="local",',
            f'                         aws_access_key_id="{key_id}", aws_secret_access_key="{DEMO_SECRET}")',
            '  print(connect.start_chat_contact(InstanceId="demo", ContactFlowId="live",',
            '                                   ParticipantDetails={"DisplayName": "Ada"}))',
        ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    run_process(run, log_level=logging.WARNING)
