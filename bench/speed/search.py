"""SearchContacts over many contacts, as boto3 calls it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter
from typing import Any

import boto3

from bench.rehydration import write
from bench.speed.client import INSTANCE
from bench.speed.context import Bench
from bench.speed.processes import OURS
from bench.speed.report import Row
from store import schema
from store.database import Database
from tests.stack import KEY_ID, SECRET

CONTACTS = 10_000
AGENTS, QUEUES = 50, 20
PAGE = 100
START = datetime(2025, 1, 1, tzinfo=UTC)
EVERY = timedelta(minutes=4)
REPEATS = 20

Search = dict[str, Any]


async def search(bench: Bench) -> list[Row]:
    """First pages of a time range, of an agent and of a queue, and the last page of the time range."""
    db = Database.open(bench.product.store)
    await _fill(db)
    await db.close()
    connect = boto3.client(  # pyright: ignore[reportUnknownMemberType]
        "connect",
        endpoint_url=bench.product.address,
        region_name="local",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
    )
    everything: Search = {
        "InstanceId": INSTANCE,
        "MaxResults": PAGE,
        "TimeRange": {
            "Type": "INITIATION_TIMESTAMP",
            "StartTime": START,
            "EndTime": START + CONTACTS * EVERY,
        },
    }
    day = {**everything["TimeRange"], "StartTime": START + (CONTACTS // 2) * EVERY}
    searches: dict[str, Search] = {
        "first page": everything,
        "last page": await asyncio.to_thread(_last_page, connect, everything),
        "one day": {**everything, "TimeRange": {**day, "EndTime": day["StartTime"] + timedelta(days=1)}},
        "of an agent": {**everything, "SearchCriteria": {"AgentIds": ["agent-7"]}},
        "in a queue": {**everything, "SearchCriteria": {"QueueIds": ["queue-7"]}},
    }
    milliseconds: dict[str, list[float]] = {name: [] for name in searches}
    cpu: dict[str, list[float]] = {name: [] for name in searches}
    for _ in range(bench.rounds):
        for name, members in searches.items():
            before = sum(bench.product.cpu_seconds().get(part, 0) for part in OURS)
            milliseconds[name].append(await asyncio.to_thread(_repeat, connect, members))
            after = sum(bench.product.cpu_seconds().get(part, 0) for part in OURS)
            cpu[name].append(1000 * (after - before) / REPEATS)
    what = f"search of {CONTACTS} contacts"
    first = milliseconds["first page"]
    return [
        Row(f"{what}, first page, ms with boto3", first),
        *(
            Row(f"{what}, {name}, ms with boto3", found, first, "first page")
            for name, found in milliseconds.items()
            if found is not first
        ),
        *(Row(f"{what}, {name}, CPU of our processes, ms", cpu[name]) for name in ("first page", "last page")),
    ]


def _repeat(connect: Any, members: Search) -> float:
    """The median milliseconds of a search."""
    found: list[float] = []
    for _ in range(REPEATS):
        began = perf_counter()
        contacts = connect.search_contacts(**members)["Contacts"]
        found.append(1000 * (perf_counter() - began))
        assert contacts, members
    return median(found)


def _last_page(connect: Any, members: Search) -> Search:
    """The request of the last page of a search. Checks that all pages together have every contact once."""
    found: set[str] = set()
    answer = connect.search_contacts(**members)
    last = members
    while True:
        found |= {contact["Id"] for contact in answer["Contacts"]}
        if "NextToken" not in answer:
            assert len(found) == CONTACTS, len(found)
            return last
        last = {**members, "NextToken": answer["NextToken"]}
        answer = connect.search_contacts(**last)


async def _fill(db: Database) -> None:
    """Write ended chats of one contact each."""
    await write(db, schema.conversations, map(_conversation, range(CONTACTS)))
    await write(db, schema.contacts, map(_contact, range(CONTACTS)))


def _conversation(number: int) -> dict[str, Any]:
    at = START + number * EVERY
    return {
        "id": f"searched-{number:05}",
        "instance": INSTANCE,
        "workstream": "persistent",
        "queue": f"queue-{number % QUEUES}",
        "mode": "persistent",
        "state": "CLOSED",
        "attributes": {"topic": f"topic-{number % 10}"},
        "segment_attributes": {},
        "content_types": ["text/plain"],
        "started_at": at,
        "ended_at": at + EVERY,
        "closed_at": at + EVERY,
        "revision": 1,
        "updated_at": at + EVERY,
    }


def _contact(number: int) -> dict[str, Any]:
    at = START + number * EVERY
    return {
        "id": f"searched-{number:05}",
        "conversation_id": f"searched-{number:05}",
        "instance": INSTANCE,
        "initiation_method": "API",
        "queue": f"queue-{number % QUEUES}",
        "initiated_at": at,
        "enqueued_at": at,
        "agent_user": f"agent-{number % AGENTS}",
        "agent_connected_at": at + timedelta(seconds=30),
        "ended_at": at + EVERY,
    }
