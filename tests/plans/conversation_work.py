"""What the store does for a conversation that runs: its start, its messages, its commits, and their conflicts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from domain.checkpoints import Checkpoint, ConflictKind
from domain.participants import Participant, Role
from domain.transcript import TranscriptItem
from routing.placement import write_placement
from store import (
    client_tokens,
    conversations,
    receipts,
    transcript,
)
from store.checkpoints import Step, find_checkpoint
from store.client_tokens import TokenUse
from store.database import Database
from store.item_writer import ItemWriter
from store.open_records import count_active, open_records, recorded_opening, recorded_state
from store.receipts import Acknowledgement
from tests.plans.filled_store import CHAT
from tests.store.sample_records import CONNECTED, INSTANCE, contact, item, opening, record, snapshot

CHAT_CUSTOMER = f"{CHAT}-customer"
PAGE = 5
"""The size of a page. Also a store that holds little has several pages."""


async def start_of_a_chat(db: Database) -> None:
    """StartChatContact, its repetition, the first commit, and the end."""
    now = datetime.now(UTC)
    since, use = now - timedelta(days=7), TokenUse("digest", "new")
    await client_tokens.find_use(db, "token", since)
    for _ in range(2):
        assert await client_tokens.claim(db, "token", use, now, since) == use
    await client_tokens.release(db, "token", use)
    await conversations.find_conversation(db, "new")
    await conversations.open_conversation(db, opening("new"))
    customer = Participant(id="new-customer", role=Role.CUSTOMER, name="Ada", presence=CONNECTED)
    answered = snapshot(1, "new", participants=(customer,), contacts=(contact("new"),), answers={"rating": "5"})
    await record(db, "new", opening=opening("new"), snapshot=answered, items=[chat_item("new", 1)])
    contacts = tuple(contact(id, ended_at=now, wrapped_up_at=now) for id in ("new", "new-survey"))
    ended = snapshot(2, "new", participants=(), contacts=contacts)
    async with db.write() as connection:
        await conversations.write_conversation(db, connection, "new", snapshot=ended, absent=(customer.id,))
        await write_placement(db, connection, ended.placement, now)


async def messages_of_a_chat(db: Database) -> None:
    """SendMessage with a ClientToken, the commit, its repetition, and a commit with a number that is taken."""
    await conversations.find_participant(db, CHAT_CUSTOMER)
    await transcript.find_item(db, CHAT, "new-item")
    await transcript.stored_items(db, [(CHAT, "new-item"), ("idle-1", "item-1")])
    head = (await transcript.heads(db, [CHAT, "idle-1", "closed-1"]))[CHAT]
    writer, new = ItemWriter(db), chat_item(CHAT, head + 1, id="new-item")
    await writer.append(CHAT, [new])
    await writer.append(CHAT, [new])
    await writer.append(CHAT, [chat_item(CHAT, head + 1, id="another-item")])
    await transcript.find_items(db, [(CHAT, "new-item"), ("idle-1", "item-1")])
    for read in (False, True):
        message = Acknowledgement(CHAT, f"{CHAT}-agent", head + 2, "new-item", CHAT, read=read, at=datetime.now(UTC))
        assert await receipts.acknowledge(db, [message]) == [True]


async def commits_of_a_chat(db: Database) -> None:
    """Commits with checkpoints: the first, a direct one, a repeated one, and those with which the store conflicts."""
    conflicts = [await _conflict(db, number) for number in (1, 2, 2, 1, 5)]
    assert conflicts == [None, None, None, ConflictKind.TAKEN, ConflictKind.INCOMPLETE]
    assert await _conflict(db, 9, whole=True) is None
    await ItemWriter(db).append(CHAT, [], _step(10))


async def commit_of_a_reset_run(db: Database) -> None:
    """The conflict of a run that was reset. It lists the latest items."""
    assert await _conflict(db, 2, "reset") is ConflictKind.BEHIND


async def reconciliation(db: Database) -> None:
    """All open conversations, one of them, and what a workflow needs to start once more."""
    assert await open_records(db)
    assert await recorded_state(db, CHAT)
    assert await find_checkpoint(db, CHAT)
    found = await conversations.find_conversation(db, CHAT)
    assert found
    again = await recorded_opening(db, found)
    assert again
    assert again.customer_participant_id == CHAT_CUSTOMER


async def start_within_the_limit(db: Database) -> None:
    """The chats that an instance has, up to its limit."""
    assert await count_active(db, INSTANCE, PAGE) == PAGE


def _step(number: int, run: str = "run", *, whole: bool = False) -> Step:
    checkpoint = Checkpoint(run_id=run, number=number, consumed=number, state=f"{number} of {run}")
    return Step(CHAT, checkpoint, whole=whole)


async def _conflict(db: Database, number: int, run: str = "run", *, whole: bool = False) -> ConflictKind | None:
    step = _step(number, run, whole=whole)
    async with db.write() as connection:
        written = await conversations.write_conversation(db, connection, CHAT, step=step)
    return written.conflict.kind if written.conflict else None


def chat_item(conversation_id: str, seq: int, **changes: str) -> TranscriptItem:
    sender = f"{conversation_id}-customer"
    return item(seq, contact_id=conversation_id, participant_id=sender, at=datetime.now(UTC), **changes)


CONVERSATION_WORK = (
    start_within_the_limit,
    start_of_a_chat,
    messages_of_a_chat,
    commits_of_a_chat,
)
