"""The seed alone decides the schedule of faults. A series of seeds has every kind. Links delay, swallow and cut."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from time import monotonic

import pytest

from chaos.deployment import APART, EMBEDDED, Deployment
from chaos.faults import Schedule, fault_kinds
from chaos.journal import Journal
from chaos.proxy import HOST, Link, Passage, to_port

TIMEOUT = 5.0


def drawn(shape: str, seed: int, rounds: int) -> list[list[tuple[str, str]]]:
    schedule = Schedule(Deployment(Path()), shape, Random(seed), Journal())
    return [[(kind.name, target) for kind, target in schedule._draw()] for _ in range(rounds)]  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("shape", [APART, EMBEDDED])
def test_same_seed_has_the_same_faults(shape: str) -> None:
    assert drawn(shape, 7, 30) == drawn(shape, 7, 30)
    assert drawn(shape, 7, 30) != drawn(shape, 8, 30)


@pytest.mark.parametrize("shape", [APART, EMBEDDED])
def test_all_kinds_have_their_turn_and_some_come_together(shape: str) -> None:
    rounds = drawn(shape, 3, 60)
    seen = {(name, target) for faults in rounds for name, target in faults}
    for kind in fault_kinds(shape):
        assert any((kind.name, target) in seen for target in kind.targets)
    assert any(len(faults) == 2 for faults in rounds)
    for faults in rounds:
        parts = [part for _, target in faults for part in target.split()]
        assert len(parts) == len(set(parts))


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)
    writer.close()


async def read_from_new_connection(port: int) -> bytes:
    reader, _ = await asyncio.open_connection(HOST, port)
    return await reader.readexactly(1)


async def test_link_passes_delays_holds_and_cuts() -> None:
    server = await asyncio.start_server(echo, HOST, 0)
    link = Link("a b", to_port(server.sockets[0].getsockname()[1]))
    await link.open()
    try:
        async with asyncio.timeout(TIMEOUT * 4):
            reader, writer = await asyncio.open_connection(HOST, link.port)
            writer.write(b"1")
            assert await reader.read(100) == b"1"

            link.turn(Passage.DELAY, 0.2)
            began = monotonic()
            writer.write(b"2")
            assert await reader.read(100) == b"2"
            assert monotonic() - began >= 0.4

            link.turn(Passage.HOLE)
            writer.write(b"3")
            late_reader, late_writer = await asyncio.open_connection(HOST, link.port)
            late_writer.write(b"4")
            waiting = asyncio.create_task(reader.read(100))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(waiting), 0.3)
            link.turn(Passage.PASS)
            assert await waiting == b"3"
            assert await late_reader.read(100) == b"4"

            link.turn(Passage.CUT)
            with pytest.raises(ConnectionError):
                await reader.read(100)
            with pytest.raises(ConnectionError):
                await read_from_new_connection(link.port)
    finally:
        await link.close()
        server.close()
