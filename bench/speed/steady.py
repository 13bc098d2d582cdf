"""Minutes of steady load: what it takes from the memory of each process, and how long messages take."""

from __future__ import annotations

from bench.speed.context import Bench
from bench.speed.measurements import ProductLoad, percentile
from bench.speed.report import Row

CHATS = 100
MESSAGES_PER_SECOND = 50
WARM_UP_SECONDS = 30


async def steady(bench: Bench) -> list[Row]:
    """Send at a constant rate. Check every frame."""
    load = await ProductLoad.open(bench.product, bench.backend, CHATS)
    await load.steady(MESSAGES_PER_SECOND, WARM_UP_SECONDS)
    before = {part: bench.product.memory_bytes(part) for part in bench.product.parts}
    delays = await load.steady(MESSAGES_PER_SECOND, bench.steady_seconds)
    after = {part: bench.product.memory_bytes(part) for part in bench.product.parts}
    await load.close()
    what = f"{MESSAGES_PER_SECOND} messages/s for {bench.steady_seconds} s"
    return [
        Row(f"{what}, send to frame, p50 ms", [1000 * percentile(delays, 0.5)]),
        Row(f"{what}, send to frame, p99 ms", [1000 * percentile(delays, 0.99)]),
        *(
            Row(
                f"{what}, memory of {part} at the end, MB",
                [after[part] / 2**20],
                [before[part] / 2**20],
                "at the start",
            )
            for part in before
        ),
    ]
