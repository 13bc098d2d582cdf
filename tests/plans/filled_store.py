"""A store that holds much and where little happens: each kind of record exists `size` times and does nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table, insert

from domain.routing import FOREVER, AgentStatus
from store import schema
from store.database import Database
from tests.postgres import run_statement
from tests.store.sample_records import INSTANCE

OTHER_INSTANCE = "other"
ANN, BOB = "ann", "bob"
CHAT = "chat"
"""A running persistent chat of ann, with `size` messages, `size` earlier contacts, and a past of `size` earlier chats."""

CUSTOMER = "crm-1"
"""The customer of `CHAT` and of all closed chats of the instance."""

SUPPORT, LONG, PARKED = "support", "long", "parked"
"""Queues: an empty one that all agents serve, a long one that nobody serves, and that of the parked chats."""

WORKSTREAM = "flow-1"
TOPIC = "arn:aws:sns:us-east-1:123456789012:chat"
PROCESS, OTHER_PROCESS, DEAD_PROCESS = "this-process", "other-process", "dead-process"
ROWS_AT_ONCE = 5_000

Row = tuple[Table, dict[str, Any]]


async def fill(db: Database, size: int) -> None:
    """Writes the records, and lets the database update its statistics."""
    rows: defaultdict[Table, list[dict[str, Any]]] = defaultdict(list)
    for table, row in _rows(size, datetime.now(UTC)):
        rows[table].append({name: value for name, value in row.items() if name in table.c})
    async with db.write(limited=False) as connection:
        for table in schema.metadata.sorted_tables:
            for start in range(0, len(rows[table]), ROWS_AT_ONCE):
                await connection.execute(insert(table), rows[table][start : start + ROWS_AT_ONCE])
    if db.is_postgres:
        await run_statement(db.engine.url, "VACUUM ANALYZE")


def _rows(size: int, now: datetime) -> Iterator[Row]:
    yield from _staff(size, now)
    yield from _chat(size, now)
    for n in range(size):
        began = now - timedelta(days=1, seconds=n)
        yield from _closed_chat(f"closed-{n}", INSTANCE, began, past_id=f"closed-{n + 1}")
        yield from _closed_chat(f"elsewhere-{n}", OTHER_INSTANCE, began)
        yield from _open_chat(f"idle-{n}", "ACTIVE", began, stage="working", agent=f"agent-{n}")
        yield from _open_chat(f"parked-{n}", "WAITING", began, stage="parked", agent=f"agent-{n}", queue=PARKED)
        yield from _open_chat(f"waiting-{n}", "OPEN", began, stage="queued", queue=LONG)
        yield schema.connections, _connection(f"idle-{n}-customer", OTHER_PROCESS)
        yield schema.absences, _absence(f"waiting-{n}", now)
        yield schema.routing_waits, _wait(n, now)
        yield schema.sent_positions, {"contact_id": f"waiting-{n}", "position": size - n, "at": now}
        yield schema.audit, _audit_entry(n, now)
        monitored = {
            "conversation_id": f"idle-{n}",
            "contact_id": f"idle-{n}",
            "may_barge": False,
            # later than the tests run: none of them is over, however long the store takes to fill
            "lost_at": now + timedelta(hours=1),
        }
        yield schema.monitors, {"participant_id": f"idle-{n}-agent", **monitored}
        yield schema.client_tokens, {"id": f"token-{n}", "digest": "d", "resource_id": f"waiting-{n}", "used_at": now}
        yield schema.feed_events, _event(n, now - timedelta(hours=10) + timedelta(seconds=n))
        yield schema.webhook_deliveries, _delivery(n, began)
        yield schema.streams, _stream(f"finished-{n}", f"idle-{n}", began, finished_at=now)
        yield schema.streams, _stream(f"other-{n}", f"idle-{n}", began, topic=f"topic-{n}")
        yield schema.attachments, _attachment(f"recorded-{n}", f"idle-{n}", began, recorded_at=began)
        yield schema.attachments, _attachment(f"begun-{n}", f"waiting-{n}", now)
        yield schema.single_uses, {"id": f"use-{n}", "expires_at": now + timedelta(hours=1)}
    yield from _open_chat("own", "ACTIVE", now, stage="working", agent=ANN)
    yield from _open_chat("own-parked", "WAITING", now, stage="parked", agent=ANN, queue=PARKED)
    yield from _open_chat("without-items", "OPEN", now, stage="parked", past_id="closed-0")
    for process, lease_left in ((PROCESS, 1), (OTHER_PROCESS, 1), (DEAD_PROCESS, -1)):
        yield schema.processes, {"id": process, "lease_until": now + timedelta(hours=lease_left)}
    yield schema.connections, _connection("own-customer", PROCESS)
    yield schema.configuration_revisions, {"instance": INSTANCE, "revision": 0}


def _event(n: int, at: datetime) -> dict[str, Any]:
    chat = {"conversation_id": f"idle-{n}", "contact_id": f"idle-{n}", "instance": INSTANCE, "seq": 1}
    return {**chat, "transaction_id": 0, "id": f"event-{n}", "type": "message.created", "at": at, "item": 1, "data": {}}


def _absence(chat: str, now: datetime) -> dict[str, Any]:
    later = now + timedelta(hours=5)
    return {"participant_id": f"{chat}-customer", "conversation_id": chat, "lost_at": now, "check_at": later}


def _delivery(n: int, at: datetime) -> dict[str, Any]:
    event = {"conversation_id": f"idle-{n}", "event_id": f"event-{n}", "type": "message.created", "at": at}
    return {**event, "instance": INSTANCE, "name": f"hook-{n}", "status": 200, "milliseconds": 1, "answer": ""}


def _stream(id: str, conversation_id: str, at: datetime, topic: str = TOPIC, **values: Any) -> dict[str, Any]:
    stream = {"id": id, "conversation_id": conversation_id, "instance": INSTANCE, "topic": topic, "started_at": at}
    return {**stream, "delivered_seq": 0, "last_seq": None, "finished_at": None, **values}


def _staff(size: int, now: datetime) -> Iterator[Row]:
    present = [(user, AgentStatus.AVAILABLE) for user in (ANN, BOB)]
    absent = [(f"agent-{n}", AgentStatus.OFFLINE) for n in range(size)]
    for user, status in [*present, *absent]:
        yield (
            schema.agents,
            {
                "instance": INSTANCE,
                "user": user,
                "name": user.title(),
                "capacity": 5,
                "status": status,
                "status_since": now,
                "idle_since": now,
                "missed_offers": 0,
                "event_seq": size,
            },
        )
        yield schema.agent_queues, {"instance": INSTANCE, "queue": SUPPORT, "user": user}
        yield schema.agent_identities, {"instance": INSTANCE, "user": user, "id": f"identity of {user}"}
    old = {"user": BOB, "seq": 1, "at": now - timedelta(days=2)}
    yield schema.agent_events, {"instance": INSTANCE, "kind": "state", "body": {}, **old}
    for seq in range(1, size + 1):
        for user in (ANN, f"agent-{seq - 1}"):
            event = {"instance": INSTANCE, "user": user, "seq": seq, "at": now, "kind": "state", "body": {}}
            yield schema.agent_events, event


def _chat(size: int, now: datetime) -> Iterator[Row]:
    """The chat that the calls work on."""
    began = now - timedelta(days=2)
    past = {"customer_id": CUSTOMER, "past_id": "closed-0"}
    yield from _open_chat(CHAT, "ACTIVE", began, stage="working", agent=ANN, acknowledged=size, **past)
    for n in range(1, size + 1):
        yield schema.items, _item(CHAT, n, began)
        yield (
            schema.receipts,
            {"conversation_id": CHAT, "seq": n, "participant_id": f"{CHAT}-agent", "delivered_at": now},
        )
        before = began - timedelta(seconds=n)
        ended = {"ended_at": before, "wrapped_up_at": before, "last_seq": n, "agent_user": BOB}
        yield schema.contacts, _contact(f"{CHAT}-before-{n}", CHAT, before, **ended)


def _closed_chat(id: str, instance: str, began: datetime, **values: Any) -> Iterator[Row]:
    ended = began + timedelta(minutes=10)
    closed = {"ended_at": ended, "closed_at": ended, "customer_id": CUSTOMER, **values}
    yield schema.conversations, _conversation(id, "CLOSED", began, instance=instance, **closed)
    done = {"ended_at": ended, "wrapped_up_at": ended, "agent_user": ANN, "instance": instance}
    yield schema.contacts, _contact(id, id, began, **done)
    yield from _participants(id, began, ANN)
    yield schema.items, _item(id, 1, began)


def _open_chat(
    id: str,
    state: str,
    began: datetime,
    *,
    stage: str,
    agent: str | None = None,
    queue: str = SUPPORT,
    acknowledged: int = 0,
    **values: Any,
) -> Iterator[Row]:
    yield schema.conversations, _conversation(id, state, began, queue=queue, **values)
    yield schema.contacts, _contact(id, id, began, agent_user=agent, queue=queue)
    yield from _participants(id, began, agent, acknowledged)
    works = stage == "working"
    yield (
        schema.routing,
        {
            "conversation_id": id,
            "revision": 1,
            "instance": INSTANCE,
            "queue": queue,
            "workstream": WORKSTREAM,
            "contact_id": id,
            "stage": stage,
            "agent": agent,
            "units": 1,
            "in_turn": True,
            "priority": 5,
            "enqueued_at": began,
            "time_adjustment": 0,
            "queued_since": began,
            "bound_to": "",
            "holder": agent if works else None,
            "holds_until": FOREVER if works else None,
            "delivered": False,
        },
    )


def _conversation(id: str, state: str, began: datetime, **values: Any) -> dict[str, Any]:
    return {
        "id": id,
        "instance": INSTANCE,
        "workstream": WORKSTREAM,
        "queue": SUPPORT,
        "mode": "persistent",
        "state": state,
        "customer_id": f"customer of {id}",
        "attributes": {"topic": "bees"},
        "is_customer_signed": False,
        "segment_attributes": {},
        "content_types": ["text/plain"],
        "started_at": began,
        "ended_at": None,
        "closed_at": None,
        "revision": 1,
        "updated_at": began,
        "past_id": None,
        "past_seq": 1,
        "past_items": 1,
        **values,
    }


def _contact(id: str, conversation_id: str, began: datetime, **values: Any) -> dict[str, Any]:
    return {
        "id": id,
        "instance": INSTANCE,
        "conversation_id": conversation_id,
        "initiation_method": "API",
        "queue": SUPPORT,
        "initiated_at": began,
        "enqueued_at": began,
        "agent_user": None,
        "agent_connected_at": began,
        "ended_at": None,
        "wrapped_up_at": None,
        "last_seq": None,
        **values,
    }


def _participants(id: str, began: datetime, agent: str | None, acknowledged: int = 0) -> Iterator[Row]:
    seqs = {"delivered_seq": acknowledged, "read_seq": acknowledged}
    row = {"conversation_id": id, "presence": "connected", "joined_at": began, **seqs}
    yield schema.participants, {**row, "id": f"{id}-customer", "role": "CUSTOMER", "name": "Ada", "user": None}
    if agent:
        yield schema.participants, {**row, "id": f"{id}-agent", "role": "AGENT", "name": "Agent", "user": agent}


def _item(conversation_id: str, seq: int, began: datetime) -> dict[str, Any]:
    return {
        "conversation_id": conversation_id,
        "seq": seq,
        "id": f"item-{seq}",
        "contact_id": conversation_id,
        "at": began + timedelta(milliseconds=seq),
        "type": "MESSAGE",
        "content_type": "text/plain",
        "content": "Do bees sleep?",
        "participant_id": f"{conversation_id}-customer",
        "role": "CUSTOMER",
        "name": "Ada",
    }


def _attachment(id: str, conversation_id: str, began: datetime, **values: Any) -> dict[str, Any]:
    return {
        "id": id,
        "conversation_id": conversation_id,
        "instance": INSTANCE,
        "contact_id": conversation_id,
        "participant_id": f"{conversation_id}-customer",
        "name": "bees.txt",
        "content_type": "text/plain",
        "size": 9,
        "started_at": began,
        "upload": None,
        "accepted_at": None,
        "recorded_at": None,
        **values,
    }


def _connection(participant_id: str, process_id: str) -> dict[str, Any]:
    return {
        "participant_id": participant_id,
        "process_id": process_id,
        "conversation_id": participant_id.removesuffix("-customer"),
        "connect_reported": True,
    }


def _audit_entry(n: int, now: datetime) -> dict[str, Any]:
    at = now - timedelta(days=1, seconds=n)
    return {
        "id": f"entry-{n}",
        "instance": INSTANCE,
        "at": at,
        "actor": "api:crm",
        "action": "put_table",
        "target": "",
        "counts": {},
    }


def _wait(n: int, now: datetime) -> dict[str, Any]:
    at = now - timedelta(minutes=1, seconds=n)
    return {
        "instance": INSTANCE,
        "queue": SUPPORT,
        "assigned_at": at,
        "conversation_id": f"closed-{n}",
        "milliseconds": 9,
    }
