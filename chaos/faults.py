"""Faults: the table of kinds, and a schedule of them by seed, one at a time or two at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from time import time

from chaos.deployment import APART, WHOLE, Deployment
from chaos.journal import FaultRecord, Journal
from chaos.proxy import Passage
from chaos.settings import DEATH

CALM = (5.0, 9.0)
"""Seconds between faults."""
TWO_AT_ONCE = 0.35
"""The share of two faults at once."""
DOWN = (0.2, 4.0)
"""How long a part that was ended stays away."""
FROZEN = (DEATH + 1, DEATH + 4)
"""Longer than every lease: a process that is frozen for so long was taken for dead."""
CUT_OFF = (4.0, 14.0)
SLOW = (0.05, 0.3)

Inject = Callable[[Deployment, str, Random, FaultRecord], Awaitable[None]]


@dataclass(frozen=True)
class FaultKind:
    """A kind of fault, with all parts or links that it can hit. `inject` begins it, lasts as long as it, and ends it."""

    name: str
    targets: tuple[str, ...]
    inject: Inject


def _end(number: int) -> Inject:
    async def inject(deployment: Deployment, target: str, random: Random, record: FaultRecord) -> None:
        part = deployment.parts[target]
        await part.end(number)
        await asyncio.sleep(random.uniform(*DOWN))
        record.lifted = time()
        if target != "postgres":
            part.start()
        await part.until_ready()

    return inject


async def _freeze(deployment: Deployment, target: str, random: Random, record: FaultRecord) -> None:
    await deployment.parts[target].freeze()
    try:
        await asyncio.sleep(random.uniform(*FROZEN))
    finally:
        await deployment.parts[target].thaw()
    record.lifted = time()


def _turn(passage: Passage) -> Inject:
    async def inject(deployment: Deployment, target: str, random: Random, record: FaultRecord) -> None:
        link = deployment.links[target]
        link.turn(passage, random.uniform(*SLOW))
        try:
            await asyncio.sleep(random.uniform(*CUT_OFF))
        finally:
            link.turn(Passage.PASS)
        record.lifted = time()

    return inject


def fault_kinds(shape: str) -> list[FaultKind]:
    """The kinds of faults that a shape can have."""
    workers, apis = ("worker-1", "worker-2"), ("api-1", "api-2")
    kill, stop = _end(signal.SIGKILL), _end(signal.SIGTERM)
    if shape != APART:
        return [
            FaultKind("kill", ("perennial",), kill),
            FaultKind("kill", ("worker",), kill),
            FaultKind("stop", ("perennial",), stop),
            FaultKind("stop", ("worker",), stop),
            FaultKind("freeze", ("worker",), _freeze),
            FaultKind("freeze", ("perennial",), _freeze),
            *(FaultKind(passage.value, (f"clients {WHOLE}",), _turn(passage)) for passage in _BROKEN),
        ]
    ends = [FaultKind(name, parts, how) for name, how in (("kill", kill), ("stop", stop)) for parts in (workers, apis)]
    links = [
        FaultKind(passage.value, targets, _turn(passage))
        for passage in _BROKEN
        for targets in (
            tuple(f"{worker} store" for worker in workers),
            tuple(f"{worker} temporal" for worker in workers),
            tuple(f"{api} store" for api in apis),
            tuple(f"{api} temporal" for api in apis),
            tuple(f"clients {api}" for api in apis),
        )
    ]
    return [
        *ends,
        FaultKind("kill", ("temporal",), kill),
        FaultKind("stop", ("temporal",), stop),
        FaultKind("immediate stop", ("postgres",), _end(signal.SIGQUIT)),
        *(FaultKind("freeze", targets, _freeze) for targets in (workers, apis, ("postgres",))),
        *links,
    ]


_TOGETHER = {"perennial", "worker"}
"""Parts of one process tree: a fault of one is none when the other is gone."""

_BROKEN = (Passage.DELAY, Passage.HOLE, Passage.CUT)


class Schedule:
    """The faults of a run. All kinds have their turn before one comes a second time."""

    def __init__(self, deployment: Deployment, shape: str, random: Random, journal: Journal) -> None:
        self._deployment, self._random, self._journal = deployment, random, journal
        self._kinds = fault_kinds(shape)
        self._left: list[FaultKind] = []

    async def run(self, seconds: float) -> None:
        """Inject faults until the time is over. The last one can end later."""
        end = time() + seconds
        await asyncio.sleep(CALM[0])
        while time() < end:
            await asyncio.gather(*(self._inject(kind, target) for kind, target in self._draw()))
            await asyncio.sleep(self._random.uniform(*CALM))

    def _draw(self) -> list[tuple[FaultKind, str]]:
        drawn: list[tuple[FaultKind, str]] = []
        for _ in range(2 if self._random.random() < TWO_AT_ONCE else 1):
            if not self._left:
                self._left = self._random.sample(self._kinds, len(self._kinds))
            taken = {part for _, target in drawn for part in target.split()}
            if not taken.isdisjoint(_TOGETHER):
                taken |= _TOGETHER
            free = [kind for kind in self._left if taken.isdisjoint(" ".join(kind.targets).split())]
            if not free:
                break
            self._left.remove(free[0])
            drawn.append((free[0], self._random.choice(free[0].targets)))
        return drawn

    async def _inject(self, kind: FaultKind, target: str) -> None:
        # a source of its own: how long the other fault takes must not change this one
        random = Random(self._random.random())
        record = FaultRecord(kind.name, target, time())
        self._journal.faults.append(record)
        await kind.inject(self._deployment, target, random, record)
