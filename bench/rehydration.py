"""Pages of a rehydrated past of 1,000 chats compared with pages of one chat of the same size, in the store and over HTTP.

All pages of both are read, alternately, so that other load on the machine affects both.
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
from configuration.schema.limits import LimitSettings
from domain.attachments import Attachment
from domain.transcript import ItemType, TranscriptItem
from engine.client import ConversationClient
from runtime.bus import LocalBus
from runtime.settings import Settings
from store import schema, transcript
from store.database import Database
from store.migrate import open_store
from store.past import PastItem, PastPosition, page_of_past
from store.transcript import PageStart
from tests import postgres

CHATS, ITEMS = 1_000, 20
PAGE = 15
"""The page size of ChatJS."""
TARGET = 1.3
START = datetime(2026, 1, 1, tzinfo=UTC)
ONE, LAST = "one", f"chat-{CHATS:04}"
"""The chat with all items, and the latest chat of the chain, which has the others as its past."""
FILES = {f"chat-{number:04}" for number in range(11, 21)}
"""The chats of the chain in which each fifth item is a file."""
BATCH = 2_000

Reader = Callable[[], Awaitable[int | None]]
"""Reads the next page and returns its number of items; None after the last page."""


class Measured(NamedTuple):
    """The seconds of each page, the items, and the statements per page of a walk from the latest item to the first."""

    seconds: list[float]
    items: int
    statements: float


async def fill(db: Database) -> None:
    """Write one chat of 20,000 messages, and a chain of 1,000 chats of 20 items."""
    chats = [(ONE, CHATS * ITEMS, None), *((f"chat-{n:04}", ITEMS, n - 1 or None) for n in range(1, CHATS + 1))]
    await write(db, schema.conversations, (_conversation(chat, before) for chat, _, before in chats))
    contact = {"instance": "demo", "initiation_method": "API", "initiated_at": START}
    await write(db, schema.contacts, ({"id": chat, "conversation_id": chat, **contact} for chat, *_ in chats))
    person = {"role": "CUSTOMER", "name": "Ada", "presence": "away", "delivered_seq": 0, "read_seq": 0}
    people = ({"id": _customer(chat), "conversation_id": chat, **person} for chat, *_ in chats)
    await write(db, schema.participants, people)
    await write(db, schema.items, (_item(chat, seq) for chat, count, _ in chats for seq in range(1, count + 1)))
    receipt = {"participant_id": "agent", "delivered_at": START, "read_at": START}
    numbers = ((chat, seq) for chat, count, _ in chats for seq in range(1, count + 1))
    await write(db, schema.receipts, ({"conversation_id": chat, "seq": seq, **receipt} for chat, seq in numbers))
    if db.is_postgres:
        # the server does this itself about a minute after a large write
        async with db.write(limited=False) as connection:
            await connection.execute(text("ANALYZE"))


async def write(db: Database, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    """Insert rows in batches."""
    everything = list(rows)
    async with db.write(limited=False) as connection:
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
    file = Attachment(id=f"{chat}-{seq}", name="order.pdf", content_type="application/pdf", size=40_000)
    has_file = chat in FILES and seq % 5 == 0
    return {
        "conversation_id": chat,
        "seq": seq,
        "id": f"{chat}-{seq}",
        "contact_id": chat,
        "at": START + timedelta(seconds=seq),
        "type": ItemType.ATTACHMENT if has_file else ItemType.MESSAGE,
        "content_type": file.content_type if has_file else "text/plain",
        "content": None if has_file else f"This is message number {seq} of {chat}.",
        "attachment": file.model_dump() if has_file else None,
        "participant_id": _customer(chat),
        "role": "CUSTOMER",
        "name": "Ada",
    }


def _customer(chat: str) -> str:
    return f"{chat}-customer"


def single_in_store(db: Database) -> Reader:
    """Read pages of the one chat as the API does: with one more item, which is the first of the next page."""
    span: PageStart | None = PageStart(2**62, forward=False)

    async def read() -> int | None:
        nonlocal span
        if span is None:
            return None
        items: Sequence[TranscriptItem] = await transcript.page(db, ONE, span, PAGE + 1)
        span = PageStart(items[PAGE].seq, forward=False) if len(items) > PAGE else None
        return len(items[:PAGE])

    return read


def past_in_store(db: Database) -> Reader:
    """Read pages of the past, beginning with the latest chat itself."""
    place: PastPosition | None = PastPosition(LAST, ITEMS)

    async def read() -> int | None:
        nonlocal place
        if place is None:
            return None
        items: Sequence[PastItem]
        items, place = await page_of_past(db, place, PAGE)
        return len(items)

    return read


def over_http(client: httpx.AsyncClient, services: Services, chat: str) -> Reader:
    """Read pages of GetTranscript, from the latest item of a chat backwards."""
    token = services.tokens.make(TokenKind.CONNECTION, _customer(chat), timedelta(hours=1), chat=chat)
    rest: dict[str, str] | None = {}

    async def read() -> int | None:
        nonlocal rest
        if rest is None:
            return None
        body = {"MaxResults": PAGE, "ScanDirection": "BACKWARD", "SortOrder": "ASCENDING", **rest}
        answer = await client.post("/participant/transcript", json=body, headers={"x-amz-bearer": token})
        page = answer.raise_for_status().json()
        rest = {"NextToken": page["NextToken"]} if "NextToken" in page else None
        return len(page["Transcript"])

    return read


async def walk(db: Database, readers: Sequence[Reader]) -> list[Measured]:
    """Read all pages of all readers, alternately."""
    statements = 0

    def count(_: Any, __: Any, statement: str, *___: Any) -> None:
        nonlocal statements
        statements += statement.startswith(("SELECT", "WITH"))

    event.listen(db.engine, "before_cursor_execute", count)
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
    event.remove(db.engine, "before_cursor_execute", count)
    return [Measured(seconds[n], items[n], queries[n] / len(seconds[n])) for n in range(len(readers))]


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Database]:
    """Open a filled store for the time of the block."""
    async with open_store(url, pool_size=10, durable=False) as db:
        await fill(db)
        yield db


async def measure(backend: str, db: Database, folder: Path) -> bool:
    """Print two lines of the table. Return whether both are within the target."""
    settings = Settings(data_dir=folder, token_keys=("k" * 32,), limits=LimitSettings(transcripts=None))
    # GetTranscript reads only the store: this client never connects
    engine = ConversationClient(await Client.connect("localhost:1", lazy=True), settings)
    bus = LocalBus()
    services = build_services(settings, db, bus, Configuration({}, db, bus), engine)
    transport = httpx.ASGITransport(create_app(services))
    within_target = True
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        levels: dict[str, tuple[Reader, Reader]] = {
            "store": (single_in_store(db), past_in_store(db)),
            "HTTP": (over_http(client, services, ONE), over_http(client, services, LAST)),
        }
        for level, readers in levels.items():
            single, past = await walk(db, readers)
            assert single.items == past.items == CHATS * ITEMS, (single.items, past.items)
            within_target &= report(backend, level, single, past)
    return within_target


def report(backend: str, level: str, single: Measured, past: Measured) -> bool:
    """Print one line of the table. Return whether it is within the target."""
    one, other = median(single.seconds) * 1_000, median(past.seconds) * 1_000
    queries = f"{single.statements:.2f} / {past.statements:.2f}"
    print(f"{backend:<11}{level:<7}{one:>10.3f} ms{other:>10.3f} ms{other / one:>8.2f}  {queries}")
    return other / one <= TARGET


async def run() -> bool:
    """Measure on both backends. Return whether all results are within the target."""
    print(f"Median of a page of {PAGE} items over a whole walk back through {CHATS * ITEMS:,}:")
    print(f"one chat of {CHATS * ITEMS:,}, and a past of {CHATS:,} chats of {ITEMS}.\n")
    print(f"{'backend':<11}{'level':<7}{'one chat':>13}{'past':>13}{'ratio':>8}  queries per page (one / past)")
    within_target = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with opened(f"sqlite:///{folder / 'bench.db'}") as db:
            within_target &= await measure("SQLite", db, folder)
        with postgres.server() as server:
            async with postgres.database(server) as url, opened(url) as db:
                within_target &= await measure("PostgreSQL", db, folder)
    return within_target


if __name__ == "__main__":
    if not asyncio.run(run()):
        sys.exit(f"A page of the past takes more than {TARGET} times as long.")
