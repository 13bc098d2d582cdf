"""The queries behind `routing`. They are made once: putting one together takes longer than the database does to answer it."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import CTE, ColumnElement, FromClause, Select, and_, bindparam, exists, func, or_, select

from routing.load import load_of
from routing.loose_index_scan import first_rows
from routing.rows import has_affinity, is_queued, queue_order
from store import schema
from store.schema import Instant

_CANDIDATE = ("conversation_id", "workstream", "bound_to", "units", "in_turn", "priority", "enqueued_at")
_KIND = ("workstream", "bound_to", "units")
_RANK = ("in_turn", "priority", "enqueued_at", "conversation_id")

_INSTANCE, _QUEUE, _NOW = bindparam("instance"), bindparam("queue"), bindparam("now", type_=Instant)
_PASSED_AFTER = bindparam("passed_after", type_=Instant)

_routing, _agent, _served, _pass = schema.routing, schema.agents.c, schema.agent_queues.c, schema.routing_rejections.c


_SERVING = select(_served.user).where(_served.instance == _INSTANCE, _served.queue == _QUEUE)


def _waits_here(table: FromClause) -> ColumnElement[bool]:
    return and_(table.c.instance == _INSTANCE, table.c.queue == _QUEUE, is_queued(table))


def _heads() -> Select[*tuple[Any, ...]]:
    """The first of each kind in a queue, and when the first binding of its kind runs out: instance, queue."""
    first, bound = first_rows(_waits_here, _KIND, _RANK), _routing.alias("bound")
    same_binding = (bound.c.workstream == first.c.workstream, bound.c.bound_to == first.c.bound_to)
    first_until = select(func.min(bound.c.bound_until)).where(_waits_here(bound), has_affinity(bound), *same_binding)
    columns = [first.c[name] for name in _CANDIDATE]
    return select(*columns, first_until.scalar_subquery()).where(first.c.conversation_id.is_not(None))


FIRST_OF_EACH_KIND = _heads()

AFFINITY_AGENTS = (
    select(
        *(_agent.user, _agent.status, _agent.status_since),
        or_(_agent.next_status.is_not(None), _agent.disconnected_at.is_not(None)),
        _agent.capacity - load_of(_agent.instance, _agent.user, _NOW),
    )
    .where(_agent.instance == _INSTANCE, _agent.user.in_(bindparam("users", expanding=True)))
    .where(_agent.user.in_(_SERVING))
)
"""Those among some agents who serve a queue: instance, queue, users, now."""


@cache
def best_agent(*, most_free: bool, bound: bool) -> Select[*tuple[Any, ...]]:
    """The agent who is to be offered a conversation, and whether they have passed on it; who has not comes first.

    Asked with what `_free_agents` asks for, conversation_id and passed_after.
    """
    free = _free_agents(bound)
    mine = (_pass.conversation_id == bindparam("conversation_id"), _pass.user == free.c.user)
    passed = exists().where(*mine, _pass.at > _PASSED_AFTER).label("passed")
    first = free.c.free.desc() if most_free else free.c.last_assigned_at.nulls_first()
    return select(free.c.user, passed).order_by(passed, first, free.c.idle_since, free.c.user).limit(1)


@cache
def best_unlocked_agent(*, most_free: bool, bound: bool) -> Select[*tuple[Any, ...]]:
    """The same, locked, without those who are locked by somebody else (PostgreSQL)."""
    query, agent = best_agent(most_free=most_free, bound=bound), schema.agents.alias("at_hand")
    (free,) = query.get_final_froms()
    this_one = and_(agent.c.instance == _INSTANCE, agent.c.user == free.c.user)
    return query.join_from(free, agent, this_one).with_for_update(of=agent, skip_locked=True)


@cache
def first_not_rejected_by_all(*, bound: bool) -> Select[*tuple[Any, ...]]:
    """The first conversation of a kind on which not every free agent has passed.

    Asked with what `_free_agents` asks for, workstream, bound_to and passed_after.
    """
    free = _free_agents(bound)
    passed = (
        select(func.count())
        .select_from(schema.routing_rejections.join(free, free.c.user == _pass.user))
        .where(_pass.conversation_id == _routing.c.conversation_id, _pass.at > _PASSED_AFTER)
    )
    everybody = select(func.count()).select_from(free)
    return (
        select(*(_routing.c[name] for name in _CANDIDATE))
        .where(_waits_here(_routing), *(_routing.c[name] == bindparam(name) for name in _KIND))
        .where(passed.scalar_subquery() < everybody.scalar_subquery())
        .order_by(*queue_order(_routing))
        .limit(1)
    )


def _free_agents(bound: bool) -> CTE:
    """Who could be offered conversations of a kind: instance, queue, now, statuses, units, if it is bound also bound_to."""
    left = _agent.capacity - load_of(_agent.instance, _agent.user, _NOW)
    present = (
        select(_agent.user, _agent.last_assigned_at, _agent.idle_since, left.label("free"))
        .where(_agent.instance == _INSTANCE, _agent.user.in_(_SERVING), _agent.next_status.is_(None))
        .where(_agent.status.in_(bindparam("statuses", expanding=True)), _agent.disconnected_at.is_(None))
    )
    if bound:
        present = present.where(_agent.user == bindparam("bound_to"))
    # materialized, so that nobody's load is summed up more than once
    loads = present.cte("present").prefix_with("MATERIALIZED")
    return select(loads).where(loads.c.free >= bindparam("units")).cte("free").prefix_with("MATERIALIZED")
