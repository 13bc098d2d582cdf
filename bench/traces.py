"""What traces cost: `python -m bench.traces`. Products without traces, with 1 % and with 100 % of them take turns.

Each is `python -m perennial` with 100 chats, each with a sender. The spans go to a collector in a process of its own, whose CPU
does not count; it shares the machine, as a collector on the same host does.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median

from bench.speed.client import backend
from bench.speed.measurements import Load, ProductLoad
from bench.speed.processes import OURS, embedded
from tests.deployment.collector import collector
from tests.stack import ROOT

CHATS, MESSAGES, ROUNDS = 100, 20, 5

OFF = "off"


def settings(share: str, url: str) -> Mapping[str, str]:
    """The variables with which a share of the requests is traced."""
    sampler = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": share}
    return {} if share == OFF else {"OTEL_EXPORTER_OTLP_ENDPOINT": url, **sampler}


@asynccontextmanager
async def collector_apart() -> AsyncGenerator[str]:
    """Run a collector as a process of its own. Yields its address."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.traces", "collect"), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.wait()


async def measure() -> None:
    """Measure, and print the rates and the CPU of our processes, each with its ratio to that without traces."""
    loads: defaultdict[str, list[Load]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="perennial-bench-"))
        url = await stack.enter_async_context(collector_apart())
        products: dict[str, ProductLoad] = {}
        for share in (OFF, "0.01", "1"):
            product = stack.enter_context(embedded(Path(folder) / share, settings(share, url)))
            caller = await stack.enter_async_context(backend(product.address))
            products[share] = await ProductLoad.open(product, caller, CHATS)
            await products[share].run(1, 5)
        for _ in range(ROUNDS):
            for share, product in products.items():
                loads[share].append(await product.run(1, MESSAGES))
        for product in products.values():
            await product.close()
    for share, found in loads.items():
        rates = [load.delivered_rate for load in found]
        cpu = [load.cpu_ms(*OURS) for load in found]
        pairs = zip(found, loads[OFF], strict=True)
        ratios = [
            (ours.delivered_rate / off.delivered_rate, ours.cpu_ms(*OURS) / off.cpu_ms(*OURS)) for ours, off in pairs
        ]
        print(
            f"{share:>5}: {median(rates):.0f} messages/s (ratio {median(rate for rate, _ in ratios):.2f}),"
            f" CPU {median(cpu):.2f} ms/message (ratio {median(cost for _, cost in ratios):.2f},"
            f" {min(cost for _, cost in ratios):.2f} to {max(cost for _, cost in ratios):.2f})"
        )


def main() -> None:
    """Measure; or with the word `collect` run the collector until killed."""
    if sys.argv[1:] != ["collect"]:
        asyncio.run(measure())
        return
    with collector() as running:
        print(running.url, flush=True)
        asyncio.run(asyncio.Event().wait())


if __name__ == "__main__":
    main()
