"""A chat on Restate: a virtual object that counts its messages. `python restate_chat.py PORT` serves it."""
# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false, reportUnknownParameterType=false

from __future__ import annotations

import asyncio
import sys

import restate
from hypercorn.asyncio import serve
from hypercorn.config import Config

chat = restate.VirtualObject("Chat")


@chat.handler()
async def message(ctx: restate.ObjectContext, text: str) -> int:
    """Count a message, and return the count. Restate runs the handlers of one chat one after the other."""
    count = (await ctx.get("count", type_hint=int) or 0) + 1
    ctx.set("count", count)
    return count


def main(port: str) -> None:
    """Serve until the process is killed."""
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.loglevel = "ERROR"
    # by default it closes a connection after 1,000 requests, and Restate repeats those that it interrupts half a second later
    config.keep_alive_max_requests = 10**9
    config.h2_max_concurrent_streams = 1_000
    asyncio.run(serve(restate.app([chat]), config))


if __name__ == "__main__":
    main(*sys.argv[1:])
