"""One dispatcher at a time serves an instance; another takes over when it stops or is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event
from temporalio.client import Client

from configuration.current import Configuration
from domain.routing import AgentStatus, Offer
from engine.client import ConversationClient
from routing import agent_configuration, dispatcher, served_instances
from routing.agent_status import set_agent_status
from routing.agents import agent_states, configure_agents
from routing.leases import Lease, end_leases, leases, take_lease
from routing.offers import offers_to_agent
from routing.queues import queues_with_work
from routing.records import RoutedAgent
from runtime.bus import LocalBus, routing_has_changed
from runtime.settings import Settings
from store.database import Database
from tests.distribution.contact_centre import CountingDispatcher
from tests.routing.routing_records import QUEUE, placement, put
from tests.store.sample_records import INSTANCE, START, after
from tests.workflows.engine import eventually


def settings(*more_agents: str) -> Settings:
    """The settings of a process whose file has the agent ann, and others."""
    agents = {"ann": {"name": "Ann", "capacity": 9}, **{user: {"name": user} for user in more_agents}}
    workstreams = {"flow-1": {"mode": "live", "queue": QUEUE}}
    return Settings.model_validate({"instances": {INSTANCE: {"workstreams": workstreams, "agents": agents}}})


SETTINGS = settings()
NEVER = timedelta(hours=1)


def lease(process: str, until: datetime, *, started_at: datetime = START, file: str = "file") -> Lease:
    return Lease(process, until, started_at, file)


@contextmanager
def statements(db: Database) -> Generator[list[str]]:
    """The statements that run on a store object in the block."""
    found: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        found.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield found
    event.remove(db.engine, "before_cursor_execute", note)


class SilentDispatcher(CountingDispatcher):
    """A dispatcher without conversations to notify."""

    async def notify_conversation(self, offer: Offer) -> None:
        """Do nothing."""


class Processes:
    """Dispatchers on one store, each with connections of its own, as in processes of their own. One bus connects them."""

    def __init__(self, url: str, bus: LocalBus, engine: ConversationClient) -> None:
        self._url, self.bus, self._engine = url, bus, engine
        self.running: list[tuple[SilentDispatcher, Database]] = []

    async def start(self, settings: Settings = SETTINGS) -> tuple[SilentDispatcher, Database]:
        db = Database.open(self._url)
        started = SilentDispatcher(db, self.bus, self._engine, Configuration(settings.instances, db, self.bus))
        await started.start()
        self.running.append((started, db))
        return started, db

    async def announce(self, times: int = 1) -> None:
        for _ in range(times):
            await self.bus.announce(routing_has_changed(INSTANCE, QUEUE, "ann"))


@pytest.fixture
async def processes(url: str, db: Database) -> AsyncGenerator[Processes]:
    client = await Client.connect("127.0.0.1:1", lazy=True)
    processes = Processes(url, LocalBus(), ConversationClient(client, SETTINGS))
    yield processes
    for running, own_db in processes.running:
        await running.stop()
        await own_db.close()


async def holder(db: Database) -> str:
    """The process that holds the lease of the instance. Waits until there is one."""

    async def find() -> str | None:
        lease = (await leases(db)).get(INSTANCE)
        return lease.process_id if lease and lease.until > datetime.now(UTC) else None

    return await eventually(find, "a process serves the instance")


async def wait_for_offers(db: Database, count: int, seconds: float = 20) -> None:
    async def find() -> bool | None:
        return len(await offers_to_agent(db, INSTANCE, "ann")) == count or None

    await eventually(find, f"{count} offers", seconds)


async def wait_for_rounds(serving: CountingDispatcher, count: int) -> None:
    """Wait until a dispatcher has completed so many more checks of everything."""
    target = serving.rounds + count

    async def find() -> bool | None:
        return serving.rounds >= target or None

    await eventually(find, f"{count} checks")


async def make_agent_available(db: Database) -> None:
    async def find() -> bool | None:
        return await set_agent_status(db, INSTANCE, "ann", AgentStatus.AVAILABLE, datetime.now(UTC)) or None

    await eventually(find, "ann is configured")


async def test_only_one_process_makes_offers_and_wake_ups_cost_the_other_nothing(
    db: Database, processes: Processes
) -> None:
    serving, _ = await processes.start()
    first = await holder(db)
    await make_agent_available(db)
    _, standby_db = await processes.start()
    with statements(standby_db) as of_standby:
        await wait_for_rounds(serving, 2)
        for n in range(3):
            await put(db, placement(f"c{n}"))
            await processes.announce(times=50)
            await wait_for_offers(db, n + 1)
    assert [statement for statement in of_standby if "routing_leases" not in statement] == []
    assert [statement for statement in of_standby if not statement.startswith("SELECT")] == []
    assert await holder(db) == first


async def test_clean_stop_hands_over_at_once(
    db: Database, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = await processes.start()
    before = await holder(db)
    await make_agent_available(db)
    # only the announcement can wake the next one
    monkeypatch.setattr(served_instances, "LOOK_INTERVAL", NEVER)
    monkeypatch.setattr(dispatcher, "CHECK_INTERVAL", NEVER)
    await processes.start()
    await put(db, placement("c"))
    await first.stop()
    await wait_for_offers(db, 1)
    assert await holder(db) != before


async def test_lease_of_a_process_that_is_gone_expires(
    db: Database, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_instances, "LOOK_INTERVAL", timedelta(milliseconds=50))
    monkeypatch.setattr(served_instances, "LEASE", timedelta(seconds=1))
    monkeypatch.setattr(served_instances, "RENEW_BEFORE", timedelta(seconds=0.5))
    gone = lease("gone", datetime.now(UTC) + timedelta(seconds=2), started_at=datetime.now(UTC) + NEVER)
    assert await take_lease(db, INSTANCE, gone, datetime.now(UTC))
    await processes.start()
    assert await holder(db) == "gone"

    async def is_taken_over() -> datetime | None:
        lease = (await leases(db))[INSTANCE]
        return None if lease.process_id == "gone" else datetime.now(UTC)

    assert await eventually(is_taken_over, "another process serves the instance") > gone.until
    await make_agent_available(db)
    await put(db, placement("c"))
    await wait_for_offers(db, 1)


async def test_lease_is_renewed_while_its_process_runs(
    db: Database, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_instances, "LOOK_INTERVAL", timedelta(milliseconds=50))
    monkeypatch.setattr(served_instances, "LEASE", timedelta(seconds=3))
    await processes.start()
    first, until = await holder(db), (await leases(db))[INSTANCE].until

    async def is_renewed() -> Lease | None:
        lease = (await leases(db))[INSTANCE]
        return lease if lease.until > until else None

    assert (await eventually(is_renewed, "the lease is renewed")).process_id == first


async def test_dispatcher_that_finds_nothing_to_do_writes_nothing(
    db: Database, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while a conversation waits that nobody can take."""
    monkeypatch.setattr(served_instances, "LEASE", NEVER)  # else it renews the lease meanwhile
    await put(db, placement("c"))
    serving, own_db = await processes.start()
    await make_agent_available(db)
    await wait_for_offers(db, 1)
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.DO_NOT_DISTURB, datetime.now(UTC))
    await put(db, placement("d"))
    assert await queues_with_work(db)
    with statements(own_db) as sent:
        await processes.announce(times=20)
        await wait_for_rounds(serving, 2)
    assert any("FROM agents" in statement for statement in sent), "it has looked for an agent"
    assert [sql for sql in sent if sql.startswith(("BEGIN IMMEDIATE", "INSERT", "UPDATE", "DELETE"))] == []


async def test_lease_is_taken_when_it_is_free_own_or_over(db: Database) -> None:
    own, other = lease("own", after(10)), lease("other", after(99))
    assert await take_lease(db, INSTANCE, own, START)
    assert not await take_lease(db, INSTANCE, other, after(9))
    assert await take_lease(db, INSTANCE, lease("own", after(20)), after(9))
    assert not await take_lease(db, INSTANCE, other, after(19))
    assert await take_lease(db, INSTANCE, other, after(20))
    assert await leases(db) == {INSTANCE: other}


async def test_lease_is_taken_by_a_process_that_started_later_with_another_file(db: Database) -> None:
    old, until = lease("old", after(10), started_at=after(0)), after(20)
    assert await take_lease(db, INSTANCE, old, START)
    assert not await take_lease(db, INSTANCE, lease("same file", until, started_at=after(1)), after(2))
    new = lease("new", until, started_at=after(1), file="another")
    assert old.yields_to(new)
    assert await take_lease(db, INSTANCE, new, after(2))
    assert not new.yields_to(old)
    assert not await take_lease(db, INSTANCE, old, after(3))
    assert await leases(db) == {INSTANCE: new}


async def users(db: Database) -> list[str]:
    return [agent.user for agent in await agent_states(db, INSTANCE, datetime.now(UTC))]


async def wait_for_users(db: Database, *expected: str) -> None:
    async def find() -> bool | None:
        return await users(db) == [*expected] or None

    await eventually(find, f"the agents are {expected}")


async def test_of_two_processes_with_different_files_the_later_one_configures_the_agents(
    db: Database, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_configuration, "CONFIGURE_INTERVAL", timedelta(0))
    older, older_db = await processes.start(settings("old"))
    await wait_for_users(db, "ann", "old")
    newer, _ = await processes.start(settings("new"))
    await wait_for_users(db, "ann", "new")
    assert await set_agent_status(db, INSTANCE, "new", AgentStatus.AVAILABLE, datetime.now(UTC))
    with statements(older_db) as of_older:
        await wait_for_rounds(newer, 6)
    assert [sql for sql in of_older if sql.startswith(("INSERT", "UPDATE", "DELETE"))] == []
    [new] = await agent_states(db, INSTANCE, datetime.now(UTC), users=["new"])
    assert new.status is AgentStatus.AVAILABLE
    monkeypatch.setattr(served_instances, "NEWER_FILE_WITHIN", timedelta(seconds=2))
    await newer.stop()
    await wait_for_users(db, "ann", "new", "old")  # a newer process may follow, which has this agent, too
    await wait_for_rounds(older, 1)
    await wait_for_users(db, "ann", "old")


async def test_process_that_has_lost_its_lease_configures_no_agents(db: Database) -> None:
    ann, bob = (RoutedAgent(user, user, 1, frozenset({QUEUE})) for user in ("ann", "bob"))
    await configure_agents(db, INSTANCE, [ann], START)
    await take_lease(db, INSTANCE, lease("new", after(10)), START)
    await configure_agents(db, INSTANCE, [bob], after(1), holder="old")
    assert await users(db) == ["ann"]
    await configure_agents(db, INSTANCE, [bob], after(1), holder="new")
    assert await users(db) == ["bob"]


async def test_ended_lease_is_free(db: Database) -> None:
    assert not await end_leases(db, "own", START)
    await take_lease(db, INSTANCE, lease("own", after(10)), START)
    assert not await end_leases(db, "other", after(1))
    assert await end_leases(db, "own", after(1))
    assert await take_lease(db, INSTANCE, lease("other", after(11)), after(1))


async def test_of_several_processes_one_gets_the_lease(db: Database, url: str) -> None:
    others = [Database.open(url) for _ in range(4)]
    taken = await asyncio.gather(
        *(take_lease(own_db, INSTANCE, lease(f"p{n}", after(9)), START) for n, own_db in enumerate(others))
    )
    assert sorted(taken) == [False, False, False, True]
    await asyncio.gather(*(own_db.close() for own_db in others))
