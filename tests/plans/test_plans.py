"""No statement costs more because the store holds more. Every statement of the code takes part."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from routing import monitoring, queue_positions
from store.database import Database
from tests.plans.attachment_work import attachments_of_a_chat
from tests.plans.conftest import LARGE, SMALL
from tests.plans.conversation_work import CONVERSATION_WORK, commit_of_a_reset_run, reconciliation
from tests.plans.observation import Observation, Place, all_places, observed
from tests.plans.periodic_work import Tasks, all_sites, periodic_tasks
from tests.plans.routing_work import ROUTING_WORK, lists_of_all
from tests.plans.store_work import STORE_WORK, deletion_of_traces

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # a store with 10,000 of everything takes its time

MORE_PAGES = 60
"""Steps, or rows and pages, that a statement may cost more: an index of 10,000 entries is some pages deeper than one of 10, and
PostgreSQL reads a small table as a whole."""

COST_OF_ONE = 50
"""The same for each agent or contact that a statement lists, counts or writes."""

ON_POSTGRES_ONLY = {
    "lock_agents",
    "lock_selected_agent",
    "try_to_lock_agent",
    "clock_difference",
    "lock_free_numbers",
    "oldest_hidden_event",
}
"""Functions that ask for what SQLite does not have: locks, and a clock of its own."""

Work = Callable[[Database], Awaitable[None]]


async def observe(url: str, *works: Work) -> Observation:
    """The costs of all statements of some work."""
    found = Observation()
    for work in works:
        db = Database.open(url)
        with observed(db) as observation:
            await work(db)
        await db.close()
        found.add(observation)
    return found


@pytest.fixture(scope="session")
async def observations(stores: dict[int, str]) -> dict[int, Observation]:
    """The costs of all statements by the size of the store."""
    return {
        size: await observe(url, *CONVERSATION_WORK, *STORE_WORK, attachments_of_a_chat, *ROUTING_WORK)
        for size, url in stores.items()
    }


@pytest.fixture(scope="session")
async def costs_of_lists(stores: dict[int, str], observations: dict[int, Observation]) -> dict[int, Observation]:
    """The same for statements that are about all agents or contacts, or many items. Runs after `observations`."""
    work = (lists_of_all, commit_of_a_reset_run, reconciliation, deletion_of_traces)
    return {size: await observe(url, *work) for size, url in stores.items()}


def more_expensive(costs: dict[int, Observation], limit: int) -> list[str]:
    """The statements whose cost grows by more than a limit, the most expensive first."""
    before, now = costs[SMALL].costs, costs[LARGE].costs
    growth = {key: now[key] - before.get(key, 0) for key in now}
    found = sorted((key for key in growth if growth[key] > limit), key=lambda key: -growth[key])
    return [
        f"{place}: {before.get((place, sql), 0)} -> {now[place, sql]}: {' '.join(sql.split())}" for place, sql in found
    ]


async def test_no_statement_costs_more_in_a_full_store(observations: dict[int, Observation]) -> None:
    assert more_expensive(observations, MORE_PAGES) == []


async def test_statements_about_all_cost_little_for_each(costs_of_lists: dict[int, Observation]) -> None:
    assert more_expensive(costs_of_lists, COST_OF_ONE * LARGE) == []


async def test_every_statement_of_the_code_was_run(
    stores: dict[int, str], observations: dict[int, Observation], costs_of_lists: dict[int, Observation]
) -> None:
    is_sqlite = stores[SMALL].startswith("sqlite")
    missing = set(all_places()) - observations[LARGE].places - costs_of_lists[LARGE].places
    assert sorted(place for place in missing if not (is_sqlite and _is_on_postgres_only(place))) == []


def _is_on_postgres_only(place: Place) -> bool:
    return place.method == "take_advisory_lock" or place.function in ON_POSTGRES_ONLY


async def observe_periodic_tasks(url: str) -> tuple[Observation, Tasks]:
    """The statements of all periodic tasks, once they have done what there was to do at the start."""
    db = Database.open(url)
    with observed(db) as observation:
        async with periodic_tasks(db) as tasks:
            for _ in range(2):
                await tasks.run()
            observation.clear()
            await tasks.run()
            found = Observation()
            found.add(observation)
    await db.close()
    return found, tasks


async def test_periodic_tasks_cost_the_same_in_a_full_store_and_write_only_leases(
    stores: dict[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, limit in ((queue_positions, "MAX_POSITIONS"), (monitoring, "MONITORS_AT_ONCE")):
        monkeypatch.setattr(module, limit, SMALL)  # so that both stores have so many
    found = {size: (await observe_periodic_tasks(url))[0] for size, url in stores.items()}
    assert more_expensive(found, MORE_PAGES) == []
    assert [statement for statement in found[LARGE].writes if "lease_until" not in statement] == []


async def test_every_periodic_task_of_the_code_was_run(stores: dict[int, str]) -> None:
    _, tasks = await observe_periodic_tasks(stores[SMALL])
    assert all_sites() - tasks.made_at == set()
