"""Everything on one machine: `python -m perennial` runs the Temporal server, the worker, the API and the store.

The only module that knows both worker and API; `python -m worker` and `python -m api` run them apart.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic

from api.app import build_services, create_app
from api.pages.files import are_built
from api.server import API_EXIT, serve
from bootstrap import opened_resources
from configuration.schema.access_keys import digest_of
from configuration.schema.instances import InstanceSettings
from deployment_check import check_and_report
from domain.errors import EngineUnavailable
from engine.client import ConversationClient
from engine.lost_conversations import LostConversations
from engine.reconciliation import Reconciliation
from runtime.bus import WORKER_RUNS
from runtime.child_process import ChildProcess
from runtime.devserver import end_server, own_data_dir, temporal_server
from runtime.encryption import data_converter
from runtime.errors import StartupError
from runtime.metrics import ApiMetrics
from runtime.periodic import run_in_background
from runtime.ports import base_url, check_port
from runtime.process import (
    ReportedExit,
    command_line,
    report_progress,
    run_and_exit,
    run_process,
    stop_on_signals,
)
from runtime.sdk_metrics import SdkMetrics
from runtime.settings import DEMO_SECRET, Settings, load_settings, store_file
from runtime.socket_bus import SocketBus
from runtime.temporal import check_no_other_server, connect, register_search_attributes
from runtime.tracing import sent_traces
from worker import WORKER_EXIT
from workflows.replay import replay_and_report
from workflows.search_attributes import KEYS

DEFAULT_TEMPORAL_PORT = 7233
"""The port to which the `temporal` command connects without `--address`."""

DURABILITIES = {
    "process": "survives the death of every process; a power cut can take the last moments (PERENNIAL_DURABILITY)",
    "power": "every write waits for the disk, so a power cut takes nothing",
}
"""What each durability means, for Temporal and a store on SQLite."""


async def run(settings: Settings) -> None:
    """Run until Ctrl-C or SIGTERM; then stop API, worker and Temporal, in this order."""
    began, stop = monotonic(), stop_on_signals(lambda: end_server(settings))
    settings = settings.model_copy(update={"webhook_loopback": True})  # receivers of a first try run on this machine
    check_no_other_server(settings)
    with own_data_dir(settings.data_dir):
        check_port(settings.api_host, settings.api_port, "The API", "PERENNIAL_API_PORT")
        report_progress("Starting Temporal...")
        async with ReportedExit(temporal_server(settings), "the Temporal server to stop"):
            await register_search_attributes(await connect(settings), KEYS)
            report_progress("Opening the store and bringing its tables up to date...")
            bus = SocketBus()
            async with (
                sent_traces("perennial-api"),
                ReportedExit(opened_resources(settings, bus), "the store to close") as resources,
            ):
                report_progress("Starting the worker and the API...")
                sdk, metrics = SdkMetrics(), ApiMetrics()
                client = await connect(settings, retries=False, sdk=sdk)
                conversations = ConversationClient(client, settings, metrics)
                services = build_services(settings, *resources, conversations, metrics)
                app = create_app(services, _temporal_ui(settings), sdk, has_demo=_has_demo(settings))
                worker = ReportedExit(ChildProcess("worker", bus, WORKER_RUNS), WORKER_EXIT)
                async with run_in_background(bus), worker, ReportedExit(serve(app, settings), API_EXIT) as served:
                    report_progress(f"Ready in {monotonic() - began:.1f} s.")
                    report_progress(
                        welcome(settings, resources[-1].instances, base_url(settings.api_host, served.port))
                    )
                    await stop.wait()
                    services.readiness.stopping()
                    # nobody could take the clients over: Temporal stops, too
                    report_progress("\nStopping...")


def _has_demo(settings: Settings) -> bool:
    """Whether agents sign in without a key. Who can reach an API with the published key, on loopback alone, can do so anyway."""
    return any(key.digest == digest_of(DEMO_SECRET) for key in settings.access_keys.values())


def _temporal_ui(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.ui_port}"


def page_lines(api: str) -> list[str]:
    """The lines of the start that say where the pages are."""
    if not are_built():
        return ["  pages        are not built; `make pages` builds them", ""]
    return [f"  customer     {api}/chat", f"  desk         {api}/desk", ""]


def welcome(settings: Settings, instances: Mapping[str, InstanceSettings], api: str) -> str:
    """The text for a person at the start: the addresses of all parts, and how to start a first chat.

    Args:
        settings: the settings of the process.
        instances: the current instances by name.
        api: the base URL of the API.
    """
    temporal = f"127.0.0.1:{settings.temporal_port}"
    key_id = next((name for name, key in settings.access_keys.items() if key.secret == DEMO_SECRET), None)
    lines = [
        "",
        "Perennial is running. Ctrl-C stops it; after a restart every conversation continues.",
        "",
        *page_lines(api),
        f"  API          {api}",
        f"  Temporal UI  {_temporal_ui(settings)}",
        f"  Temporal     {temporal}",
        f"  data         {settings.data_dir.resolve()}",
        f"  durability   {settings.durability}: {DURABILITIES[settings.durability]}",
    ]
    for name, instance in instances.items():
        lines.append(
            f"  instance     {name}: workstreams {', '.join(instance.workstreams)}; agents {', '.join(instance.agents)}"
        )
    if settings.temporal_port != DEFAULT_TEMPORAL_PORT:
        lines += ["", f"The temporal command needs this address: temporal --address {temporal} workflow list"]
    if not settings.access_keys:
        lines += ["", "No access key is configured: the API refuses every request of a backend."]
    if key_id:
        lines += [
            f"  access key   {key_id} / {DEMO_SECRET} (for this machine only)",
            "",
            "Start a chat (boto3 is in .venv):",
            "",
            "  import boto3",
            f'  connect = boto3.client("connect", endpoint_url="{api}", region_name="local",',
            f'                         aws_access_key_id="{key_id}", aws_secret_access_key="{DEMO_SECRET}")',
            '  print(connect.start_chat_contact(InstanceId="demo", ContactFlowId="live",',
            '                                   ParticipantDetails={"DisplayName": "Ada"}))',
        ]
    return "\n".join([*lines, ""])


async def reconcile_and_report(*, thorough: bool, mend: bool, resume_lost: bool) -> int:
    """Compare engine and store, mend the differences if wanted, and print those that remain. Return the exit code."""
    settings = load_settings()
    if (file := store_file(settings.store_address)) and not file.exists():
        # a new store would lack every conversation, which then would count as a difference
        raise StartupError(
            f"there is no store at {file}; see PERENNIAL_DATA_DIR and PERENNIAL_STORE_URL, or start first"
        )
    async with opened_resources(settings) as (db, _, configuration):
        conversations = ConversationClient(await connect(settings, retries=False), settings)
        lost = LostConversations(db, configuration, conversations)
        reconciliation = Reconciliation(db, conversations, lost)
        try:
            found = await reconciliation.differences(thorough=thorough)
            remaining = await reconciliation.mend(found, resume_lost=resume_lost) if mend else found
        except EngineUnavailable as problem:
            raise StartupError(str(problem)) from None
    for difference in remaining:
        run = f"; the run: {difference.run}" if difference.run else ""
        record = f"; the record: {difference.record}" if difference.record else ""
        report_progress(f"{difference.conversation_id}: {difference.kind}{record}{run}")
    mended = f", {len(found) - len(remaining)} mended" if mend else ""
    count = "1 difference" if len(found) == 1 else f"{len(found)} differences"
    report_progress(f"{count}{mended}." if found else "Temporal and the store agree.")
    return 1 if remaining else 0


async def replay(paths: Sequence[Path]) -> int:
    """Replay histories with the encryption keys of the settings, and print the report. Return the exit code."""
    return await replay_and_report(paths, data_converter(load_settings(needs_file=False).encryption_keys))


def main() -> None:
    """Parse the command line, and run everything or replay histories."""
    parser = command_line(
        "perennial",
        "Run Perennial on this machine: Temporal server and UI, worker, API and a SQLite store.\n"
        "Without a command it runs until Ctrl-C.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    replaying = commands.add_parser(
        "replay",
        help="replay exported workflow histories against this code",
        description="Replay workflow histories against this code, without a server. Exit code 1 when one of them differs.",
    )
    replaying.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="a history as JSON (`temporal workflow show --output json`, or the download of the Temporal UI), or a folder",
    )
    reconcile = commands.add_parser(
        "reconcile",
        help="compare what runs in Temporal with what the store has on record",
        description="Compare what runs in Temporal with what the store has on record, after one of the two was restored from a\n"
        "backup or workflows were terminated. Exit code 1 when they differ. A worker must run.",
    )
    reconcile.add_argument(
        "--thorough", action="store_true", help="ask every conversation for its state, not only the list"
    )
    reconcile.add_argument(
        "--mend", action="store_true", help="have conversations write their record again; lost ones end"
    )
    reconcile.add_argument(
        "--resume", action="store_true", help="as --mend, but lost conversations go on from what is on record"
    )
    check_help = "check settings, store, Temporal, archive and clocks before a deploy"
    commands.add_parser(
        "check",
        help=check_help,
        description=f"{check_help[0].upper()}{check_help[1:]}. Exit code 1 when something is wrong. It changes nothing.",
    )
    arguments = parser.parse_args()
    if arguments.command == "check":
        run_and_exit(check_and_report(), log_level=logging.CRITICAL)
    if arguments.command == "reconcile":
        wanted = reconcile_and_report(
            thorough=arguments.thorough, mend=arguments.mend or arguments.resume, resume_lost=arguments.resume
        )
        run_and_exit(wanted, log_level=logging.ERROR)
    if arguments.command == "replay":
        run_and_exit(replay(arguments.paths), log_level=logging.CRITICAL)
    run_process(run, log_level=logging.WARNING)


if __name__ == "__main__":
    main()
