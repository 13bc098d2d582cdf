"""The board does what a naive one does, step by step, whatever happens to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

import pytest

from store.board.agents import agents_now, configure
from store.board.offers import claim
from store.board.presence import follow, set_presence
from store.board.queues import position, queues_for, queues_with_work, waiting
from store.board.values import Agent, Method, Offer, Outcome, Presence, Rules, Settled, Stage
from store.database import Database
from store.schema import FOREVER
from tests.store.making import INSTANCE, START
from tests.store.naive import Board, Chat, Person
from tests.store.on_board import load, offered, placement, put, standing
from workflows.refusals import RefusalCode

QUEUES = ("north", "south")
USERS = ("ann", "bob", "cid", "dan")
MISS_LIMIT = 2
RULES = {
    "free": Rules(pause=timedelta(seconds=40), patience=timedelta(seconds=90)),
    "robin": Rules(
        frozenset({Presence.AVAILABLE}), Method.ROUND_ROBIN, pause=timedelta(seconds=20), patience=timedelta(seconds=30)
    ),
}
STEPS = 150


class Day:
    """A day of random happenings, on both boards."""

    def __init__(self, db: Database, seed: int) -> None:
        self.db, self.random, self.board = db, Random(seed), Board()
        self.now, self.number, self.revision = START, 0, 0
        self.offers: dict[str, str] = {}

    async def staff(self) -> None:
        served = {user: frozenset(self.random.sample(QUEUES, self.random.choice([1, 2, 2]))) for user in USERS}
        people = [Agent(user, user, self.random.randint(1, 4), served[user]) for user in USERS]
        people = [who for who in people if self.random.random() < 0.9]
        await configure(self.db, INSTANCE, people, self.now)
        before = self.board.people
        self.board.people = {
            who.user: before.get(who.user, Person(who.capacity, who.queues, since=self.now, idle=self.now))
            for who in people
        }
        for who in people:
            self.board.people[who.user].capacity, self.board.people[who.user].queues = who.capacity, who.queues

    async def step(self) -> None:
        self.now += timedelta(milliseconds=self.random.randint(1, 20_000))
        happenings = [
            self.arrive,
            self.answer,
            self.answer,
            self.answer,
            self.proceed,
            self.proceed,
            self.appear,
            self.pick,
        ]
        await self.random.choice(happenings)()
        if self.random.random() < 0.03:
            await self.staff()
        for queue in self.random.sample(QUEUES, 2):
            await self.offer_all(queue)

    async def arrive(self) -> None:
        self.number += 1
        bound_to = self.random.choice([None, None, *USERS])
        until = self.random.choice([None, self.now + timedelta(seconds=self.random.randint(0, 120))])
        chat = Chat(
            f"c{self.number:04}",
            self.random.choice(QUEUES),
            self.random.choice(list(RULES)),
            Stage.QUEUED,
            self.now - timedelta(seconds=self.random.randint(0, 3)),
            units=self.random.choice([1, 1, 1, 2, 3]),
            ahead=self.random.random() < 0.2,
            priority=self.random.choice([5, 5, 5, 1, 9]),
            bound_to=bound_to if until != self.now else None,
            bound_until=until if bound_to and until != self.now else None,
        )
        self.board.chats[chat.id] = chat
        await self.say(chat)

    async def answer(self) -> None:
        chat = self.any(lambda chat: chat.offered_to is not None)
        if chat:
            user, outcome = chat.offered_to, self.random.choice([*Outcome, Outcome.ACCEPTED, Outcome.ACCEPTED])
            bound = (chat.bound_to, chat.bound_until)
            self.board.settle(chat, outcome, self.now, MISS_LIMIT)
            settled = (Settled(self.offers.pop(chat.id), outcome),)
            await self.say(chat, settled=settled, bound=bound if chat.stage is Stage.QUEUED else (None, None))
            assert outcome is not Outcome.ACCEPTED or chat.agent == user

    async def proceed(self) -> None:
        """A conversation is finished, parked, given back, returns or is closed."""
        chat = self.any(lambda chat: chat.offered_to is None and chat.stage is not Stage.QUEUED)
        if chat is None:
            return
        before = await standing(self.db, chat.id)
        assert before
        assert before.holder == chat.holder(START)
        if chat.stage is Stage.WORKING and self.random.random() < 0.7:
            chat.stage = self.random.choice([Stage.PARKED, Stage.WRAP_UP])
            chat.wrap_up_until = self.random.choice([None, FOREVER, self.now + timedelta(seconds=30)])
        elif chat.stage is Stage.WRAP_UP:
            del self.board.chats[chat.id]
        else:
            chat.bound_to, chat.bound_until = chat.agent, self.random.choice([None, self.now + timedelta(seconds=50)])
            chat.stage, chat.agent, chat.ahead, chat.enqueued_at = Stage.QUEUED, None, True, self.now
            chat.passed = {}
        await self.say(chat, gone=chat.id not in self.board.chats)
        after = await standing(self.db, chat.id)
        if before.holder in self.board.people and (after is None or after.holder != before.holder):
            self.board.people[before.holder].idle = self.now
            self.board.left(before.holder, self.now)

    async def appear(self) -> None:
        user, presence = self.random.choice(USERS), self.random.choice([*Presence, *[Presence.AVAILABLE] * 5])
        when_free = self.random.random() < 0.3
        known = await set_presence(self.db, INSTANCE, user, presence, self.now, when_free=when_free)
        assert known == (user in self.board.people)
        if not known:
            return
        who = self.board.people[user]
        who.missed, who.next = 0, None
        if when_free and self.board.load(user, self.now):
            who.next = presence
        elif who.presence != presence:
            who.idle = self.now if who.presence == Presence.OFFLINE else who.idle
            who.presence, who.since = presence, self.now

    async def pick(self) -> None:
        chat, user = self.any(lambda _: True), self.random.choice(USERS)
        if chat is None:
            return
        got = await claim(self.db, chat.id, user, self.now)
        who = self.board.people.get(user)
        is_theirs = chat.stage is Stage.PARKED and chat.agent == user
        may_have_it = who is not None and (is_theirs or (chat.stage is Stage.QUEUED and chat.queue in who.queues))
        free = who.capacity - self.board.load(user, self.now) if who else 0
        if chat.offered_to == user:
            assert isinstance(got, Offer)
            assert got.id == self.offers[chat.id]
        elif may_have_it and chat.offered_to is None and free >= chat.units:
            assert isinstance(got, Offer)
            self.board.give(chat, user, self.now)
            self.offers[chat.id] = got.id
        else:
            assert isinstance(got, RefusalCode)

    async def offer_all(self, queue: str) -> None:
        expected = self.board.next_offer(queue, RULES, self.now)
        while found := await offered(self.db, self.now, RULES, queue):
            assert found == expected
            chat = self.board.chats[found[0]]
            self.board.give(chat, found[1], self.now)
            row = await standing(self.db, chat.id)
            assert row
            assert row.offer_id
            self.offers[chat.id] = row.offer_id
            expected = self.board.next_offer(queue, RULES, self.now)
        assert expected is None

    async def say(
        self,
        chat: Chat,
        *,
        gone: bool = False,
        settled: tuple[Settled, ...] = (),
        bound: tuple[str | None, datetime | None] = (None, None),
    ) -> None:
        self.revision += 1
        said = placement(
            chat.id,
            revision=self.revision,
            queue=chat.queue,
            workstream=chat.workstream,
            stage=None if gone else chat.stage,
            enqueued_at=chat.enqueued_at,
            agent=chat.agent,
            units=chat.units,
            ahead=chat.ahead,
            priority=chat.priority,
            bound_to=chat.bound_to or bound[0],
            bound_until=chat.bound_until or bound[1],
            wrap_up_holds_until=chat.wrap_up_until,
            settled=settled,
            miss_limit=MISS_LIMIT,
        )
        await put(self.db, said, self.now)
        # an older word, or the same again, changes nothing
        await put(self.db, said, self.now)

    def any(self, suits: Callable[[Chat], bool]) -> Chat | None:
        found = [chat for chat in self.board.chats.values() if suits(chat)]
        return self.random.choice(found) if found else None

    async def compare(self) -> None:
        """Everything that can be asked of the board."""
        await self.follow()
        loads = {user: self.board.load(user, self.now) for user in USERS}
        assert await load(self.db, INSTANCE, USERS, self.now) == loads
        for state in await agents_now(self.db, INSTANCE, self.now):
            who = self.board.people[state.user]
            assert (state.presence, state.next_presence, state.missed) == (who.presence, who.next, who.missed)
            assert (state.presence_since, state.idle_since, state.load) == (who.since, who.idle, loads[state.user])
        for queue in QUEUES:
            line = [chat.id for chat in self.board.waiting(queue)]
            assert [found.conversation_id for found in await waiting(self.db, INSTANCE, queue)] == line
            assert [await position(self.db, id) for id in line] == list(range(len(line)))
        busy = [queue for queue in QUEUES if self.board.waiting(queue)]
        assert await queues_with_work(self.db) == [(INSTANCE, queue) for queue in busy]
        for user, who in self.board.people.items():
            mine = sorted(who.queues & set(busy), key=lambda queue: self.board.waiting(queue)[0].place)
            assert await queues_for(self.db, INSTANCE, user) == mine

    async def follow(self) -> None:
        followed = {user for _, user in await follow(self.db, self.now)}
        for user, who in self.board.people.items():
            assert (user in followed) == (who.next is not None and not self.board.load(user, self.now))
            self.board.left(user, self.now)


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_the_board_offers_what_a_naive_one_would(db: Database, seed: int) -> None:
    day = Day(db, seed)
    await day.staff()
    for step in range(STEPS):
        await day.step()
        if step % 10 == 0:
            await day.compare()
    await day.compare()
