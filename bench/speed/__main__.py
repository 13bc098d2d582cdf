"""Run the benchmark: `python -m bench.speed [--long] [--only SCENARIO] [--json FILE] [embedded] [postgres]`."""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from bench.speed import scenarios
from bench.speed.client import backend
from bench.speed.context import Bench
from bench.speed.dead_webhook import dead_webhook
from bench.speed.idle import idle_conversations, idle_sockets
from bench.speed.overload import overload
from bench.speed.past import past
from bench.speed.processes import Product, apart, embedded, floors
from bench.speed.report import Row, print_table, write_json
from bench.speed.rivals.running import rivals
from bench.speed.search import search
from bench.speed.steady import steady
from bench.speed.storm import storm

OPEN_FILES = 16_384
STEADY_SECONDS = 300

Scenario = Callable[[Bench], Awaitable[Sequence[Row]]]

QUICK_POSTGRES: Sequence[Scenario] = (
    scenarios.throughput,
    scenarios.one_chat,
    scenarios.latency,
    scenarios.starts,
    storm,
)
QUICK_EMBEDDED: Sequence[Scenario] = (
    scenarios.throughput,
    scenarios.one_chat,
    scenarios.latency,
    scenarios.starts,
    scenarios.transcripts,
    scenarios.fan_out,
    scenarios.history,
    scenarios.long_conversation,
    scenarios.cold_conversations,
    search,
    past,
    idle_sockets,
    overload,
    storm,
)
LONG: Sequence[Scenario] = (idle_conversations, *QUICK_EMBEDDED, dead_webhook, steady)


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for. `only`: the names of scenarios; empty: all of them."""

    is_long: bool
    only: Collection[str]
    steady_seconds: int

    def scenarios(self, system: str) -> Sequence[Scenario]:
        """The scenarios to measure."""
        if self.only:
            return [scenario for scenario in LONG if scenario.__name__ in self.only]
        if self.is_long:
            return LONG
        return QUICK_EMBEDDED if system == "embedded" else QUICK_POSTGRES


@asynccontextmanager
async def opened(system: str, folder: Path, wanted: Wanted) -> AsyncGenerator[Bench, None]:
    """Start a product, its floors and its rivals."""
    async with AsyncExitStack() as stack:
        client_of_floors = await stack.enter_async_context(floors(folder / "floor"))
        product = await stack.enter_async_context(_product(system, folder / "product"))
        yield Bench(
            product,
            await stack.enter_async_context(backend(product.address)),
            *client_of_floors,
            goal_100=0.7 if system == "embedded" else 0.5,
            is_long=wanted.is_long,
            steady_seconds=wanted.steady_seconds,
            rivals=await stack.enter_async_context(rivals(folder)) if wanted.is_long else (),
        )


@asynccontextmanager
async def _product(system: str, folder: Path) -> AsyncGenerator[Product, None]:
    if system == "embedded":
        with embedded(folder) as product:
            yield product
    else:
        async with apart(folder) as product:
            yield product


async def measure(systems: Sequence[str], wanted: Wanted) -> dict[str, Sequence[Row]]:
    """Measure the systems, and print a table of each."""
    tables: dict[str, Sequence[Row]] = {}
    for system in systems:
        rows: list[Row] = []
        with tempfile.TemporaryDirectory(prefix="perennial-bench-") as folder:
            async with opened(system, Path(folder), wanted) as bench:
                for scenario in wanted.scenarios(system):
                    began = perf_counter()
                    rows += await scenario(bench)
                    print(f"  {scenario.__name__}: {perf_counter() - began:.0f} s", flush=True)
        print_table(system, rows)
        tables[system] = rows
    return tables


def main() -> None:
    """Parse the command line, and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.speed", description=__doc__)
    parser.add_argument("systems", nargs="*", default=["embedded", "postgres"], help="embedded, postgres; both without")
    parser.add_argument("--long", action="store_true", help="all scenarios and the rivals, with more and longer rounds")
    names = [scenario.__name__ for scenario in LONG]
    parser.add_argument("--only", nargs="+", default=[], choices=names, metavar="SCENARIO", help=", ".join(names))
    parser.add_argument("--steady", type=int, default=STEADY_SECONDS, metavar="SECONDS", help="time under steady load")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all values to a file")
    arguments = parser.parse_args()
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, limit), limit))
    wanted = Wanted(arguments.long, arguments.only, arguments.steady)
    tables = asyncio.run(measure(arguments.systems, wanted))
    if arguments.json:
        write_json(arguments.json, tables)


if __name__ == "__main__":
    main()
