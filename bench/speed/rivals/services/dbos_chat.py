"""Chats on DBOS, with their senders in the same process. `python dbos_chat.py URL` runs them.

For each line `STYLE CHATS MESSAGES` of its input it sends the messages of one sender for each chat, and prints the seconds.
"""
# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false

from __future__ import annotations

import asyncio
import sys
from time import perf_counter

from dbos import DBOS

CONNECTIONS = 20


@DBOS.workflow()
async def chat(expected: int) -> int:
    """A workflow for each chat, which receives and counts messages."""
    for _ in range(expected):
        await DBOS.recv_async()
    return expected


@DBOS.workflow()
async def message(chat: str, seq: int, text: str) -> str:
    """A workflow for each message. It only records its input."""
    return text


async def send_to_chats(chats: int, messages: int) -> None:
    """Send messages to chats until each chat has counted its messages."""
    handles = [await DBOS.start_workflow_async(chat, messages) for _ in range(chats)]

    async def send(chat_id: str) -> None:
        for number in range(messages):
            await DBOS.send_async(chat_id, f"message {number}")

    await asyncio.gather(*(send(handle.workflow_id) for handle in handles))
    for handle in handles:
        assert await handle.get_result() == messages


async def handle_messages(chats: int, messages: int) -> None:
    """Run a workflow for each message."""

    async def send(chat_id: str) -> None:
        for number in range(messages):
            await message(chat_id, number, f"message {number}")

    await asyncio.gather(*(send(f"chat {number}") for number in range(chats)))


STYLES = {"chats": send_to_chats, "messages": handle_messages}


async def run() -> None:
    """Measure what the input asks for, until it ends."""
    for line in iter(sys.stdin.readline, ""):
        style, chats, messages = line.split()
        began = perf_counter()
        await STYLES[style](int(chats), int(messages))
        print(perf_counter() - began, flush=True)


def main(url: str) -> None:
    """Open the system database at a URL, and measure."""
    DBOS(
        config={
            "name": "chats",
            "system_database_url": url,
            "sys_db_pool_size": CONNECTIONS,
            "log_level": "ERROR",
        }
    )
    DBOS.launch()
    asyncio.run(run())
    DBOS.destroy()


if __name__ == "__main__":
    main(*sys.argv[1:])
