"""The board in plain Python, which looks at everything and sorts it: what the one in the store is held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import select

from store import schema
from store.board.values import Method, Outcome, Presence, Rules, Stage
from store.database import Database

NEVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass
class Person:
    capacity: int
    queues: frozenset[str]
    presence: str = Presence.OFFLINE
    since: datetime = NEVER
    next: str | None = None
    last: datetime = NEVER
    idle: datetime = NEVER
    missed: int = 0


@dataclass
class Chat:
    id: str
    queue: str
    workstream: str
    stage: Stage
    enqueued_at: datetime
    units: int = 1
    ahead: bool = False
    priority: int = 5
    agent: str | None = None
    bound_to: str | None = None
    bound_until: datetime | None = None
    wrap_up_until: datetime | None = None
    offered_to: str | None = None
    passed: dict[str, datetime] = field(default_factory=dict[str, datetime])

    def holder(self, now: datetime) -> str | None:
        """Whose capacity it takes."""
        if self.offered_to:
            return self.offered_to
        if self.stage is Stage.WRAP_UP and self.wrap_up_until and self.wrap_up_until > now:
            return self.agent
        return self.agent if self.stage is Stage.WORKING else None

    @property
    def place(self) -> tuple[bool, int, datetime, str]:
        return not self.ahead, self.priority, self.enqueued_at, self.id


@dataclass
class Board:
    people: dict[str, Person] = field(default_factory=dict[str, Person])
    chats: dict[str, Chat] = field(default_factory=dict[str, Chat])

    def load(self, user: str, now: datetime) -> int:
        return sum(chat.units for chat in self.chats.values() if chat.holder(now) == user)

    def waiting(self, queue: str) -> list[Chat]:
        chats = self.chats.values()
        here = [c for c in chats if c.queue == queue and c.stage is Stage.QUEUED and not c.offered_to]
        return sorted(here, key=lambda chat: chat.place)

    def next_offer(self, queue: str, rules: Mapping[str, Rules], now: datetime) -> tuple[str, str] | None:
        """The first conversation that anybody may have, and the best who may have it. Bindings that are over are undone."""
        for chat in self.waiting(queue):
            if chat.bound_to and not self._is_bound(chat, rules[chat.workstream], now):
                chat.bound_to = chat.bound_until = None
        for chat in self.waiting(queue):
            rule = rules[chat.workstream]
            able = [user for user in self.people if rule.open and self._may_have(chat, user, rule, now)]
            if able:
                return chat.id, min(able, key=lambda user: self._merit(user, rule, now))
        return None

    def _may_have(self, chat: Chat, user: str, rule: Rules, now: datetime) -> bool:
        who = self.people[user]
        return (
            chat.queue in who.queues
            and who.presence in rule.presences
            and who.next is None
            and who.capacity - self.load(user, now) >= chat.units
            and chat.bound_to in (None, user)
            and not (user in chat.passed and chat.passed[user] > now - rule.pause)
        )

    def _merit(self, user: str, rule: Rules, now: datetime) -> tuple[float, datetime, str]:
        who = self.people[user]
        if rule.method is Method.MOST_FREE:
            return self.load(user, now) - who.capacity, who.idle, user
        return (who.last - NEVER).total_seconds(), who.idle, user

    def _is_bound(self, chat: Chat, rule: Rules, now: datetime) -> bool:
        who = self.people.get(chat.bound_to or "")
        if who is None or chat.queue not in who.queues:
            return False
        if chat.bound_until is not None and chat.bound_until <= now:
            return False
        if who.presence not in rule.presences and who.since <= now - rule.patience:
            return False
        return chat.bound_until is None or (who.presence in rule.presences and who.next is None)

    def give(self, chat: Chat, user: str, now: datetime) -> None:
        chat.offered_to = user
        self.people[user].last = self.people[user].idle = now

    def settle(self, chat: Chat, outcome: Outcome, now: datetime, miss_limit: int) -> None:
        """An offer is over; the conversation is worked on, or goes on waiting as it did."""
        user = chat.offered_to
        assert user
        chat.offered_to, who = None, self.people.get(user, Person(0, frozenset()))
        if outcome is Outcome.ACCEPTED:
            chat.stage, chat.agent, chat.passed, who.missed = Stage.WORKING, user, {}, 0
            chat.bound_to = chat.bound_until = None
            return
        if outcome in (Outcome.REJECTED, Outcome.MISSED):
            chat.passed[user] = now
            if chat.bound_to == user and chat.bound_until is not None:
                chat.bound_to = chat.bound_until = None
        if outcome is Outcome.MISSED:
            who.missed += 1
            if who.missed >= miss_limit and who.presence not in (Presence.AWAY, Presence.OFFLINE):
                who.presence, who.since, who.next = Presence.AWAY, now, None
        if user in self.people:
            self.left(user, now)

    def left(self, user: str, now: datetime) -> None:
        """Something has left an agent, who may have waited for that."""
        who = self.people[user]
        if who.next and not self.load(user, now):
            who.presence, who.since, who.next = who.next, now, None


async def read_board(db: Database) -> Board:
    """What stands in the store at one moment, for the naive board to look at."""
    tables = (schema.agents, schema.agent_queues, schema.board, schema.board_passes)
    async with db.engine.connect() as connection:
        if db.is_postgres:
            await connection.execution_options(isolation_level="REPEATABLE READ")
        agents, served, rows, passes = [(await connection.execute(select(table))).mappings().all() for table in tables]
    board = Board()
    for who in agents:
        queues = frozenset(place["queue"] for place in served if place["user"] == who["user"])
        board.people[who["user"]] = Person(
            who["capacity"], queues, who["presence"], who["presence_since"], who["next_presence"]
        )
    for row in rows:
        board.chats[row["conversation_id"]] = Chat(
            row["conversation_id"],
            row["queue"],
            row["workstream"],
            Stage(row["stage"]),
            row["enqueued_at"],
            units=row["units"],
            ahead=not row["in_turn"],
            priority=row["priority"],
            agent=row["agent"],
            bound_to=row["bound_to"] or None,
            bound_until=None if row["bound_until"] == schema.FOREVER else row["bound_until"],
            wrap_up_until=row["holds_until"],
            offered_to=row["holder"] if row["offer_id"] else None,
            passed={
                found["user"]: found["at"] for found in passes if found["conversation_id"] == row["conversation_id"]
            },
        )
    return board
