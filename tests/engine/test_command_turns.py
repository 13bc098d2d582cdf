"""Turns of commands: one at a time for each conversation, customers last, and few that wait."""

from __future__ import annotations

import asyncio

import pytest

from domain.errors import Throttled
from engine import command_turns
from engine.command_turns import MAX_WAITING, CommandTurns


class Commands:
    """Commands that take their turn, and end when the test lets them."""

    def __init__(self) -> None:
        self.turns = CommandTurns()
        self.began: list[str] = []
        self.may_end = asyncio.Semaphore(0)

    async def execute(self, name: str, *, conversation: str = "c", last: bool = False) -> None:
        async with self.turns.turn(conversation, last=last):
            self.began.append(name)
            await self.may_end.acquire()

    def send(self, name: str, *, conversation: str = "c", last: bool = False) -> asyncio.Task[None]:
        return asyncio.create_task(self.execute(name, conversation=conversation, last=last))


async def settle() -> None:
    """Let all tasks run until they wait."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_commands_of_a_conversation_take_turns_and_customers_are_last() -> None:
    commands = Commands()
    tasks = [commands.send("first", last=True)]
    await settle()
    tasks += [commands.send(f"customer {number}", last=True) for number in range(2)]
    tasks += [commands.send(f"agent {number}") for number in range(2)]
    await settle()
    assert commands.began == ["first"]
    for _ in tasks:
        commands.may_end.release()
    await asyncio.gather(*tasks)
    assert commands.began == ["first", "agent 0", "agent 1", "customer 0", "customer 1"]
    assert len(commands.turns) == 0


async def test_conversations_do_not_wait_for_each_other() -> None:
    commands = Commands()
    tasks = [commands.send(name, conversation=name) for name in ("a", "b", "c")]
    await settle()
    assert commands.began == ["a", "b", "c"]
    for _ in tasks:
        commands.may_end.release()
    await asyncio.gather(*tasks)


async def test_more_commands_than_may_wait_are_refused_and_those_of_agents_are_counted_apart() -> None:
    commands = Commands()
    waiting = [commands.send("customer", last=True) for _ in range(MAX_WAITING + 1)]
    await settle()
    with pytest.raises(Throttled, match="Too many commands"):
        await commands.execute("one more", last=True)
    waiting.append(commands.send("agent"))
    for _ in waiting:
        commands.may_end.release()
    await asyncio.gather(*waiting)
    assert commands.began[1] == "agent"


async def test_command_whose_turn_does_not_come_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_turns, "WAIT_SECONDS", 0.05)
    commands = Commands()
    first = commands.send("first")
    await settle()
    with pytest.raises(Throttled):
        await commands.execute("second")
    commands.may_end.release()
    await first
    assert len(commands.turns) == 0


async def test_command_that_is_cancelled_passes_its_turn_on() -> None:
    commands = Commands()
    tasks = [commands.send(name) for name in ("first", "cancelled", "third")]
    await settle()
    tasks[1].cancel()
    tasks[0].cancel()  # the turn of the second one comes at the moment of its end
    commands.may_end.release()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert commands.began == ["first", "third"]


async def test_command_that_fails_passes_its_turn_on() -> None:
    turns = CommandTurns()
    with pytest.raises(ZeroDivisionError):
        async with turns.turn("c"):
            raise ZeroDivisionError
    async with turns.turn("c"):
        pass
