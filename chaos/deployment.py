"""The shapes of a deployment: parts apart from each other with a link between each pair, or all in one process."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chaos.parts import ChildPart, Part, PostgresPart, free_port, python
from chaos.proxy import HOST, Link, to_file, to_port
from chaos.settings import SETTINGS, configuration

APART, EMBEDDED = "apart", "embedded"
WHOLE = "all-in-one"
"""The name of the API of the embedded shape at the end of a link."""
DEFAULT, POWER = "default", "power"
"""Durabilities. The processes of every run die; `POWER` also waits for the disk where the default does not."""


@dataclass
class Deployment:
    """A Perennial that runs.

    Attributes:
        parts: the processes by name.
        links: the proxies by the names of their ends, such as `api-1 store`.
        doors: the URLs under which clients reach the API processes, through links.
        temporal: the address of Temporal, without a link.
        store: the URL of the store, without a link.
        receiver: the port of the receiver of the webhook.
    """

    folder: Path
    parts: dict[str, Part] = field(default_factory=dict[str, Part])
    links: dict[str, Link] = field(default_factory=dict[str, Link])
    doors: list[str] = field(default_factory=list[str])
    temporal: str = ""
    store: str = ""
    receiver: int = field(default_factory=free_port)

    @property
    def archive(self) -> Path:
        """The folder of the transcript files."""
        return self.folder / "transcripts"

    async def add(self, part: Part) -> None:
        """Start a part, and wait until it is ready."""
        self.parts[part.name] = part
        part.start()
        await part.until_ready()

    async def link(self, name: str, link: Link) -> str:
        """Open a link, and return its address."""
        self.links[name] = link
        await link.open()
        return f"{HOST}:{link.port}"

    async def open_door(self, api: str, port: int) -> None:
        """Open the link through which clients reach an API process."""
        name = f"clients {api}"
        self.doors.append(f"http://{await self.link(name, Link(name, to_port(port)))}")


@asynccontextmanager
async def deployed(shape: str, durability: str, folder: Path) -> AsyncGenerator[Deployment, None]:
    """Run a deployment for the time of the block."""
    deployment = Deployment(folder)
    (folder / "perennial.toml").write_text(configuration(deployment.receiver))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PERENNIAL_", "TEMPORAL_"))},
        **SETTINGS,
        "PERENNIAL_CONFIG": str(folder / "perennial.toml"),
        "PERENNIAL_DATA_DIR": str(folder),
        "PERENNIAL_ARCHIVE_URL": f"file://{deployment.archive}",
    }
    deployment.archive.mkdir()
    try:
        await (_start_apart if shape == APART else _start_embedded)(deployment, durability, environment)
        yield deployment
    finally:
        for part in reversed(deployment.parts.values()):
            await asyncio.to_thread(part.kill)
        await asyncio.gather(*(link.close() for link in deployment.links.values()))


async def _start_apart(deployment: Deployment, durability: str, environment: Mapping[str, str]) -> None:
    folder, port = deployment.folder, free_port()
    postgres = PostgresPart(folder)
    await deployment.add(postgres)
    await deployment.add(_temporal(folder, port, durability, environment))
    deployment.temporal, deployment.store = f"{HOST}:{port}", postgres.url
    for kind in ("worker", "api"):
        for number in (1, 2):
            name, own = f"{kind}-{number}", free_port()
            store = await deployment.link(f"{name} store", Link(f"{name} store", to_file(postgres.socket)))
            engine = await deployment.link(f"{name} temporal", Link(f"{name} temporal", to_port(port)))
            variables = {
                **environment,
                "PERENNIAL_STORE_URL": f"postgresql://postgres@{store}/postgres",
                "TEMPORAL_ADDRESS": engine,
                f"PERENNIAL_{kind.upper()}_PORT": str(own),
            }
            ready = f"http://{HOST}:{own}/readyz"
            await deployment.add(Part(name, python(kind), variables, folder, port=own, ready=ready))
            if kind == "api":
                await deployment.open_door(name, own)


async def _start_embedded(deployment: Deployment, durability: str, environment: Mapping[str, str]) -> None:
    folder = deployment.folder
    api, temporal, ui = free_port(), free_port(), free_port()
    variables = {
        **environment,
        "PERENNIAL_DURABILITY": "power" if durability == POWER else "process",
        "PERENNIAL_API_PORT": str(api),
        "PERENNIAL_TEMPORAL_PORT": str(temporal),
        "PERENNIAL_UI_PORT": str(ui),
    }
    ready = f"http://{HOST}:{api}/readyz"
    whole = Part("perennial", python("perennial"), variables, folder, port=api, ready=ready, children=True)
    await deployment.add(whole)
    await deployment.add(ChildPart("worker", whole, "worker"))
    deployment.temporal, deployment.store = f"{HOST}:{temporal}", f"sqlite:///{folder / 'store.db'}"
    await deployment.open_door(WHOLE, api)


def _temporal(folder: Path, port: int, durability: str, environment: Mapping[str, str]) -> Part:
    """A Temporal server on a file, with the options that docs/performance.md and docs/deployment.md name."""
    beside = Path(sys.executable).with_name("temporal")
    binary = str(beside) if beside.exists() else shutil.which("temporal") or "temporal"
    command = [
        binary,
        *("server", "start-dev", "--ip", HOST, "--log-level", "error", "--headless", "--port", str(port)),
        *("--db-filename", str(folder / "temporal.db")),
        *("--sqlite-pragma", "journal_mode=WAL"),
        *("--sqlite-pragma", f"synchronous={'FULL' if durability == POWER else 'NORMAL'}"),
        *("--dynamic-config-value", "history.maximumBufferedEventsBatch=1000"),
        *("--dynamic-config-value", 'history.workflowTaskRetryMaxInterval="10s"'),
        *("--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000"),
        *("--dynamic-config-value", 'history.workflowIdReuseMinimalInterval="0s"'),
    ]
    return Part("temporal", command, environment, folder, port=port)
