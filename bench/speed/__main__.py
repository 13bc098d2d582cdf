"""Run the benchmark: `python -m bench.speed [--long] [--json FILE] [embedded] [postgres]`."""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from bench.speed import scenarios
from bench.speed.client import backend
from bench.speed.overload import overload
from bench.speed.processes import apart, embedded, embedded_parts, floors
from bench.speed.report import Row, print_table, write_json
from bench.speed.scenarios import Bench

OPEN_FILES = 16_384


async def measure_embedded(folder: Path, *, rounds: int, scale: int) -> list[Row]:
    """Measure `python -m perennial` on a SQLite file."""
    rows: list[Row] = []
    async with floors(folder / "floor") as (floor, client):
        with embedded(folder / "product") as (product, stack):
            async with backend(product.address) as shop:
                bench = Bench(product, shop, floor, client, rounds, scale, goal_100=0.7)
                for scenario in (
                    scenarios.throughput,
                    scenarios.one_chat,
                    scenarios.latency,
                    scenarios.starts,
                    scenarios.transcripts,
                    scenarios.fan_out,
                ):
                    rows += await _timed(scenario.__name__, scenario(bench))
                rows += await _timed("history", scenarios.history(bench, stack.temporal))
                length = 20_000 if scale > 1 else 3_000
                rows += await _timed("long conversation", scenarios.long_conversation(bench, length))
                cold = [await shop.start_with_agent() for _ in range(20)]
                assert stack.stop() == 0
                stack.start()
                product.parts = embedded_parts(stack)
                rows += await _timed("cold conversations", scenarios.cold_conversations(product, shop, cold))
                rows += await _timed("idle sockets", scenarios.idle_sockets(bench, 2_000 if scale > 1 else 500))
                rows += await _timed("overload", overload(shop, seconds=20 if scale > 1 else 10))
    return rows


async def measure_postgres(folder: Path, *, rounds: int, scale: int) -> list[Row]:
    """Measure worker, API, Temporal and PostgreSQL as processes of their own."""
    rows: list[Row] = []
    async with floors(folder / "floor") as (floor, client), apart(folder / "product") as product:
        async with backend(product.address) as shop:
            bench = Bench(product, shop, floor, client, rounds, scale, goal_100=0.5)
            for scenario in (scenarios.throughput, scenarios.one_chat, scenarios.latency, scenarios.starts):
                rows += await _timed(scenario.__name__, scenario(bench))
    return rows


async def _timed(name: str, scenario: object) -> list[Row]:
    began = perf_counter()
    rows: list[Row] = await scenario  # pyright: ignore[reportGeneralTypeIssues]
    print(f"  {name}: {perf_counter() - began:.0f} s", flush=True)
    return rows


async def measure(systems: Sequence[str], *, rounds: int, scale: int) -> dict[str, Sequence[Row]]:
    """Measure the systems, and print a table of each."""
    tables: dict[str, Sequence[Row]] = {}
    kinds = {"embedded": measure_embedded, "postgres": measure_postgres}
    for name in systems:
        with tempfile.TemporaryDirectory(prefix="perennial-bench-") as folder:
            tables[name] = await kinds[name](Path(folder), rounds=rounds, scale=scale)
        print_table(name, tables[name])
    return tables


def main() -> None:
    """Parse the command line, and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.speed", description=__doc__)
    parser.add_argument("systems", nargs="*", default=["embedded", "postgres"], help="embedded, postgres; both without")
    parser.add_argument("--long", action="store_true", help="more rounds, and longer ones")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all values to a file")
    arguments = parser.parse_args()
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, limit), limit))
    rounds, scale = (5, 3) if arguments.long else (3, 1)
    tables = asyncio.run(measure(arguments.systems, rounds=rounds, scale=scale))
    if arguments.json:
        write_json(arguments.json, tables)


if __name__ == "__main__":
    main()
