"""A page of the past of 1,000 chats against a page of one chat with as many items, in the store and over HTTP.

Every page of both is read, one of the one and one of the other in turn, so that whatever else the machine does hits both.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import httpx
from sqlalchemy import Table, event, insert, text
from temporalio.client import Client

from api.app import build_services, create_app
from api.dependencies import Services
from api.tokens import TokenKind
from configuration.current import Configuration
from engine.client import ConversationClient
from runtime.bus import LocalBus
from runtime.settings import Settings
from store import schema, transcript
from store.database import Database
from store.migrate import migrate
from store.past import PastItem, Place, page_of_past
from store.records import Item
from store.transcript import Span
from tests import postgres

CHATS, ITEMS = 1_000, 20
PAGE = 15
"""As many items as ChatJS asks for."""
TARGET = 1.3
START = datetime(2026, 1, 1, tzinfo=UTC)
ONE, LAST = "one", f"chat-{CHATS:04}"
"""The chat with all items, and the one with a past, which itself has as many as every chat of it."""
BATCH = 2_000

Reader = Callable[[], Awaitable[int | None]]
"""Reads the next page and tells how many items it had; None once there is no page left."""


class Measured(NamedTuple):
    """Seconds per page, pages, items and statements of one walk from the latest item to the first."""

    seconds: list[float]
    items: int
    statements: float


async def fill(db: Database) -> None:
    """Writes both: one chat of 20,000 messages, and 1,000 chats of 20 that continue each other."""
    chats = [(ONE, CHATS * ITEMS, None), *((f"chat-{n:04}", ITEMS, n - 1 or None) for n in range(1, CHATS + 1))]
    await write(db, schema.conversations, (_conversation(chat, before) for chat, _, before in chats))
    contact = {"initiation_method": "API", "initiated_at": START}
    await write(db, schema.contacts, ({"id": chat, "conversation_id": chat, **contact} for chat, *_ in chats))
    person = {"role": "CUSTOMER", "name": "Ada", "presence": "away", "delivered_seq": 0, "read_seq": 0}
    people = ({"id": _customer(chat), "conversation_id": chat, **person} for chat, *_ in chats)
    await write(db, schema.participants, people)
    await write(db, schema.items, (_item(chat, seq) for chat, count, _ in chats for seq in range(1, count + 1)))
    receipt = {"participant_id": "agent", "delivered_at": START, "read_at": START}
    numbers = ((chat, seq) for chat, count, _ in chats for seq in range(1, count + 1))
    await write(db, schema.receipts, ({"conversation_id": chat, "seq": seq, **receipt} for chat, seq in numbers))
    if db.is_postgres:
        # the server does so itself about a minute after so much was written
        async with db.write() as connection:
            await connection.execute(text("ANALYZE"))


async def write(db: Database, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    """Inserts many rows."""
    everything = list(rows)
    async with db.write() as connection:
        for first in range(0, len(everything), BATCH):
            await connection.execute(insert(table), everything[first : first + BATCH])


def _conversation(chat: str, before: int | None) -> dict[str, Any]:
    past = f"chat-{before:04}" if before else None
    return {
        "id": chat,
        "instance": "demo",
        "workstream": "live",
        "queue": "support",
        "mode": "live",
        "state": "CLOSED",
        "attributes": {},
        "segment_attributes": {},
        "content_types": ["text/plain"],
        "started_at": START,
        "ended_at": START,
        "revision": 1,
        "updated_at": START,
        "association_id": f"chat-{1:04}" if past else None,
        "continued_from": past,
        "past_id": past,
        "past_seq": ITEMS if past else None,
        "past_items": ITEMS if past else None,
    }


def _item(chat: str, seq: int) -> dict[str, Any]:
    return {
        "conversation_id": chat,
        "seq": seq,
        "id": f"{chat}-{seq}",
        "contact_id": chat,
        "at": START + timedelta(seconds=seq),
        "type": "MESSAGE",
        "content_type": "text/plain",
        "content": f"This is what was said as number {seq} of {chat}.",
        "participant_id": _customer(chat),
        "role": "CUSTOMER",
        "name": "Ada",
    }


def _customer(chat: str) -> str:
    return f"{chat}-customer"


def single_in_store(db: Database) -> Reader:
    """Pages of the one chat, as the API reads them: with one item more, which tells where the next begins."""
    span: Span | None = Span(2**62, forward=False)

    async def read() -> int | None:
        nonlocal span
        if span is None:
            return None
        items: Sequence[Item] = await transcript.page(db, ONE, span, PAGE + 1)
        span = Span(items[PAGE].seq, forward=False) if len(items) > PAGE else None
        return len(items[:PAGE])

    return read


def past_in_store(db: Database) -> Reader:
    """Pages of the past, and of the chat that has it as if it were past already."""
    place: Place | None = Place(LAST, ITEMS)

    async def read() -> int | None:
        nonlocal place
        if place is None:
            return None
        items: Sequence[PastItem]
        items, place = await page_of_past(db, place, PAGE)
        return len(items)

    return read


def over_http(client: httpx.AsyncClient, services: Services, chat: str) -> Reader:
    """Pages of GetTranscript, from the latest item of a chat back."""
    token = services.tokens.make(TokenKind.CONNECTION, _customer(chat), timedelta(hours=1), chat=chat)
    rest: dict[str, str] | None = {}

    async def read() -> int | None:
        nonlocal rest
        if rest is None:
            return None
        asked = {"MaxResults": PAGE, "ScanDirection": "BACKWARD", "SortOrder": "ASCENDING", **rest}
        answer = await client.post("/participant/transcript", json=asked, headers={"x-amz-bearer": token})
        page = answer.raise_for_status().json()
        rest = {"NextToken": page["NextToken"]} if "NextToken" in page else None
        return len(page["Transcript"])

    return read


async def walk(db: Database, readers: Sequence[Reader]) -> list[Measured]:
    """Reads all pages of all readers in turn."""
    statements = 0

    def count(_: Any, __: Any, statement: str, *___: Any) -> None:
        nonlocal statements
        statements += statement.startswith(("SELECT", "WITH"))

    event.listen(db.engine.sync_engine, "before_cursor_execute", count)
    seconds: list[list[float]] = [[] for _ in readers]
    items, queries = [0] * len(readers), [0] * len(readers)
    left = set(range(len(readers)))
    while left:
        for which in sorted(left):
            statements, began = 0, perf_counter()
            found = await readers[which]()
            took = perf_counter() - began
            if found is None:
                left.remove(which)
                continue
            seconds[which].append(took)
            items[which] += found
            queries[which] += statements
    event.remove(db.engine.sync_engine, "before_cursor_execute", count)
    return [Measured(seconds[n], items[n], queries[n] / len(seconds[n])) for n in range(len(readers))]


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Database]:
    """A store with everything in it."""
    db = Database.open(url)
    try:
        await migrate(db)
        await fill(db)
        yield db
    finally:
        await db.close()


async def measure(backend: str, db: Database, folder: Path) -> bool:
    """Prints two lines of the table; whether both are within the target."""
    settings = Settings(data_dir=folder, token_keys=("k" * 32,))
    # GetTranscript asks the store alone: this client never connects
    engine = ConversationClient(await Client.connect("localhost:1", lazy=True), settings)
    bus = LocalBus()
    services = build_services(settings, db, bus, Configuration({}, db, bus), engine)
    transport = httpx.ASGITransport(create_app(services))
    good = True
    async with httpx.AsyncClient(transport=transport, base_url="http://bench") as client:
        levels: dict[str, tuple[Reader, Reader]] = {
            "store": (single_in_store(db), past_in_store(db)),
            "HTTP": (over_http(client, services, ONE), over_http(client, services, LAST)),
        }
        for level, readers in levels.items():
            single, past = await walk(db, readers)
            assert single.items == past.items == CHATS * ITEMS, (single.items, past.items)
            good &= report(backend, level, single, past)
    return good


def report(backend: str, level: str, single: Measured, past: Measured) -> bool:
    """Prints one line."""
    one, other = median(single.seconds) * 1_000, median(past.seconds) * 1_000
    queries = f"{single.statements:.2f} / {past.statements:.2f}"
    print(f"{backend:<11}{level:<7}{one:>10.3f} ms{other:>10.3f} ms{other / one:>8.2f}  {queries}")
    return other / one <= TARGET


async def run() -> bool:
    """Measures on both backends; whether all is within the target."""
    print(f"Median of a page of {PAGE} items over a whole walk back through {CHATS * ITEMS:,}:")
    print(f"one chat of {CHATS * ITEMS:,}, and a past of {CHATS:,} chats of {ITEMS}.\n")
    print(f"{'backend':<11}{'level':<7}{'one chat':>13}{'past':>13}{'ratio':>8}  queries per page (one / past)")
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with opened(f"sqlite:///{folder / 'bench.db'}") as db:
            good &= await measure("SQLite", db, folder)
        with postgres.server() as server:
            async with postgres.database(server) as url, opened(url) as db:
                good &= await measure("PostgreSQL", db, folder)
    return good


if __name__ == "__main__":
    if not asyncio.run(run()):
        sys.exit(f"A page of the past takes more than {TARGET} times as long.")
