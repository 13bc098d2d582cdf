"""Collects the evidence: over HTTP, from the store, from the engine, from the archive, and from the logs."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from time import time
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError

from chaos.checker.board import overloads, waiting_beside_free
from chaos.checker.evidence import Board, Evidence, Item, RunState
from chaos.checker.histories import failures
from chaos.customers import Customer
from chaos.deployment import Deployment
from chaos.store import AWAY, Row, read

AT_ONCE = 10
COLLECTIONS = 3
LOOKS = 8
LOOK_SECONDS = 1.0
OFFER_SECONDS = 10.0
"""Within this time a chat that waits beside a free agent must get an offer."""

BOARD = {
    "routing": "SELECT * FROM routing",
    "agents": "SELECT * FROM agents",
    "served": "SELECT * FROM agent_queues",
    "rejections": "SELECT * FROM routing_rejections",
}
RECORD = {
    "conversations": "SELECT id, mode, state, revision, ended_at, closed_at, end_reason FROM conversations",
    "items": "SELECT conversation_id, seq, id FROM items ORDER BY conversation_id, seq",
    "participants": "SELECT id, conversation_id, presence, left_at FROM participants",
    "contacts": "SELECT id, conversation_id, ended_at FROM contacts",
}

_ABSENT_AGENTS = (
    "SELECT participants.id FROM participants JOIN conversations ON conversations.id = participants.conversation_id"
    " WHERE conversations.state = 'ACTIVE' AND participants.role = 'AGENT' AND participants.left_at IS NULL"
    " AND participants.presence <> 'connected'"
)


async def read_board(store: str) -> Board:
    """The board now."""
    at, rows = time(), await read(store, **BOARD)
    return Board(at, time(), **rows)


async def collect(deployment: Deployment, customers: Sequence[Customer]) -> Evidence:
    """Everything, once the deployment is at rest.

    A timer can end meanwhile, so that what is read first and last do not fit together. Then all is read again.
    """
    for _ in range(COLLECTIONS - 1):
        evidence = await _collect(deployment, customers)
        if await _revisions(deployment.store) == {id: row["revision"] for id, row in evidence.conversations.items()}:
            return evidence
    return await _collect(deployment, customers)


async def _revisions(store: str) -> dict[str, int]:
    found = await read(store, conversations="SELECT id, revision FROM conversations")
    return {row["id"]: row["revision"] for row in found["conversations"]}


async def _collect(deployment: Deployment, customers: Iterable[Customer]) -> Evidence:
    """What differs is looked at again for some seconds: it may just have changed."""
    evidence = Evidence()
    first_board = await read_board(deployment.store)
    client = await Client.connect(deployment.temporal)
    unequal = list(customers)
    for look in range(LOOKS):
        await asyncio.sleep(LOOK_SECONDS if look else 0)
        await _collect_transcripts(evidence, unequal)
        await _collect_record(evidence, deployment.store)
        evidence.runs = await _runs(client)
        unequal = [customer for customer in unequal if _is_unequal(evidence, customer.record.id)]
        if not unequal and not _moves(evidence):
            break
    await asyncio.sleep(max(0.0, first_board.at + OFFER_SECONDS - time()))
    evidence.boards = [first_board, await read_board(deployment.store)]
    evidence.failed = await failures(client)
    for path in deployment.archive.rglob("*.json"):
        evidence.files[path.stem] = [item["Id"] for item in json.loads(path.read_text())["Transcript"]]
    for part in deployment.parts.values():
        with suppress(FileNotFoundError):
            evidence.logs[part.name] = part.log.read_text(errors="replace")
    return evidence


async def is_settled(store: str) -> bool:
    """Whether nothing changes by itself any more: no wrap-up is open, every agent is in their chats, and who queues has no offer
    and can get none, because no agent is free."""
    try:
        found = await read(
            store,
            wraps="SELECT id FROM conversations WHERE state = 'WRAP_UP'",
            offered="SELECT conversation_id FROM routing WHERE offer_id IS NOT NULL",
            absent=_ABSENT_AGENTS,
        )
        board = await read_board(store)
    except AWAY:
        return False
    return not any(found.values()) and not waiting_beside_free(board)


async def _collect_transcripts(evidence: Evidence, customers: Iterable[Customer]) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def add(customer: Customer) -> None:
        async with slots:
            seat = customer.seat
            if not seat.token and await seat.connect() is None:
                return
            items = await seat.transcript()
        if items is not None:
            present = [_item(item) for item in reversed(items) if "RelatedContactId" not in item]
            evidence.transcripts[customer.record.id] = present

    await asyncio.gather(*(add(customer) for customer in customers))


def _item(item: dict[str, Any]) -> Item:
    at = datetime.fromisoformat(item["AbsoluteTime"]).timestamp()
    content, contact = item.get("Content", ""), item["ContactId"]
    return Item(item["Id"], at, item["Type"], item["ContentType"], content, item["ParticipantRole"], contact)


def _is_unequal(evidence: Evidence, chat: str) -> bool:
    """Whether GetTranscript and the store differ, as they do if an item was written between the two looks."""
    shown, stored = evidence.transcripts.get(chat, ()), evidence.items.get(chat, ())
    return [item.id for item in shown] != [row["id"] for row in stored]


async def _collect_record(evidence: Evidence, store: str) -> None:
    evidence.at = time()
    found = await read(store, **RECORD)
    evidence.conversations = {row["id"]: row for row in found["conversations"]}
    items: defaultdict[str, list[Row]] = defaultdict(list)
    for row in found["items"]:
        items[row["conversation_id"]].append(row)
    evidence.items = items
    evidence.participants, evidence.contacts = found["participants"], found["contacts"]


async def _runs(client: Client) -> dict[str, RunState]:
    running = [run.id async for run in client.list_workflows("ExecutionStatus = 'Running'")]
    slots = asyncio.Semaphore(AT_ONCE)

    async def state(id: str) -> RunState | None:
        async with slots:
            try:
                found: dict[str, Any] = await client.get_workflow_handle(id).query("status")
            except RPCError:
                return None  # it has ended meanwhile
        present = [found["customer"], *([found["agent"]] if found.get("agent") else []), *found.get("bots", [])]
        agent = found["agent"]["user"] if found.get("agent") else None
        presence = {each["id"]: each["presence"] for each in present}
        return RunState(found["state"], found["revision"], found["seq"], agent, presence)

    states = await asyncio.gather(*(state(id) for id in running))
    return {id: found for id, found in zip(running, states, strict=True) if found and found.state != "CLOSED"}


def _moves(evidence: Evidence) -> bool:
    """Whether store and engine differ, as they do for a moment while a conversation decides."""
    open_rows = {id: row for id, row in evidence.conversations.items() if row["state"] != "CLOSED"}
    if open_rows.keys() != evidence.runs.keys():
        return True
    return any(
        (row["state"], row["revision"]) != (evidence.runs[id].state, evidence.runs[id].revision)
        or len(evidence.items.get(id, ())) != evidence.runs[id].seq
        for id, row in open_rows.items()
    )


async def watch_board(store: str, found: list[str], look_seconds: float) -> None:
    """Look at the board again and again until this is cancelled, and note what is wrong on it."""
    while True:
        with suppress(*AWAY, TimeoutError):
            found += overloads(await read_board(store))
        await asyncio.sleep(look_seconds)
