"""One run: attempts by seed, and what the Perennial looks like afterwards."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic

from temporalio.client import Client
from temporalio.service import RPCError

from chaos.checker.histories import failures
from fuzz.attempts import Attempt, Kind
from fuzz.exchange import NoAnswer
from fuzz.innocent import NotServed, chat_innocently
from fuzz.operations import of_document, of_models, of_pages
from fuzz.product import RunningProduct, running
from fuzz.raw import RawBytes
from fuzz.requests import DescribedRequests
from fuzz.signals import Signals
from fuzz.sockets import SocketFrames
from fuzz.world import NotMade, World

AT_ONCE = 8
RENEWED = 200
"""After so many attempts there are new chats, because many have ended."""

SHARES = {"documented": 40, "connect": 25, "not served": 3, "pages": 2, "sockets": 8, "signals": 12, "raw bytes": 10}
"""How many of 100 attempts are of which kind."""

BAD_WORDS = ("Traceback", " ERROR ", " CRITICAL ", "level=ERROR", "panic:")
TAKEN_ID = re.compile(
    r" refused an event (transfer|invite): the store can never take it: (IntegrityError|NotNullViolationError) "
)
"""A signal by hand can name the contact or participant of another chat, which only the store knows. It refuses it."""


@dataclass
class FuzzResult:
    """What came of a run.

    Attributes:
        counts: attempts by kind and status.
        problems: what is wrong, each with the number of its attempt; -1 for what was seen afterwards.
        waits: answers that refused for load.
        seconds: how long the attempts took.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    problems: list[tuple[int, Attempt]] = field(default_factory=list[tuple[int, Attempt]])
    waits: int = 0
    seconds: float = 0.0

    def add(self, number: int, kind: str, attempt: Attempt) -> None:
        """Count an attempt."""
        self.counts[kind, attempt.status] += 1
        self.waits += attempt.waits
        if attempt.problem:
            self.problems.append((number, attempt))

    def add_afterwards(self, what: str, problem: str) -> None:
        """Add what was seen after the attempts."""
        self.problems.append((-1, Attempt(what, "", problem)))


async def run(seed: int, numbers: Sequence[int], folder: Path, *, on_postgres: bool = False) -> FuzzResult:
    """Start a Perennial, make these attempts of the seed, and look at what is left.

    Raises:
        NotRunning: it does not start or stop.
    """
    result = FuzzResult()
    async with running(folder, on_postgres=on_postgres) as product:
        client = await Client.connect(product.temporal)
        await _attempt_all(seed, numbers, product, client, result)
        await _look_afterwards(product, client, result)
    for line in product.log.read_text(errors="replace").splitlines():
        if any(word in line for word in BAD_WORDS) and not TAKEN_ID.search(line):
            result.add_afterwards("log", line[:2_000])
    return result


async def _attempt_all(
    seed: int, numbers: Sequence[int], product: RunningProduct, client: Client, result: FuzzResult
) -> None:
    world = World(product.port)
    kinds = await _kinds(world, client)
    slots = asyncio.Semaphore(AT_ONCE)

    async def attempt(number: int) -> None:
        random = Random(f"{seed}/{number}")
        [name] = random.choices(list(SHARES), list(SHARES.values()))
        async with slots:
            result.add(number, name, await kinds[name].attempt(random, world))

    began = monotonic()
    for start in range(0, len(numbers), RENEWED):
        try:
            await world.renew()
        except (NotMade, NoAnswer) as problem:
            result.add_afterwards(f"valid requests before attempt {numbers[start]}", str(problem))
            break
        await asyncio.gather(*map(attempt, numbers[start : start + RENEWED]))
    result.seconds = monotonic() - began


async def _kinds(world: World, client: Client) -> dict[str, Kind]:
    document = await world.call("GET", "/openapi.json")
    documented, definitions = of_document(document), document["components"]["schemas"]
    models = of_models(documented)
    return {
        "documented": DescribedRequests(documented, definitions),
        "connect": DescribedRequests([each for each in models if each.is_served], {}),
        "not served": DescribedRequests([each for each in models if not each.is_served], {}),
        "pages": DescribedRequests(of_pages(), {}),
        "sockets": SocketFrames(),
        "signals": Signals(client),
        "raw bytes": RawBytes(),
    }


async def _look_afterwards(product: RunningProduct, client: Client, result: FuzzResult) -> None:
    try:
        await chat_innocently(World(product.port))
    except (NotServed, NotMade, NoAnswer) as problem:
        result.add_afterwards("innocent chat", str(problem))
    try:
        failed = await failures(client)
    except RPCError as problem:
        failed = [f"its histories cannot be read: {problem}"]
    for each in failed:
        result.add_afterwards("engine", each)
