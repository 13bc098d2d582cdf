"""The queries of `selection`. They are built once, because building takes longer than running them."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import CTE, ColumnElement, FromClause, Select, and_, bindparam, exists, func, or_, select

from routing.load import load_of
from routing.loose_index_scan import first_rows
from routing.rows import has_affinity, is_queued, queue_order
from store import schema
from store.schema import Instant

_CANDIDATE = ("conversation_id", "workstream", "bound_to", "units", "in_turn", "priority", "queued_since")
_KIND = ("workstream", "bound_to", "units")
_RANK = ("in_turn", "priority", "queued_since", "conversation_id")

_INSTANCE, _QUEUE, _NOW = bindparam("instance"), bindparam("queue"), bindparam("now", type_=Instant)
_REJECTED_AFTER = bindparam("rejected_after", type_=Instant)

_routing, _agent = schema.routing, schema.agents.c
_served, _rejection = schema.agent_queues.c, schema.routing_rejections.c

_SERVES = exists().where(_served.instance == _INSTANCE, _served.queue == _QUEUE, _served.user == _agent.user)
"""Not `IN`: with it the databases begin with all agents of the queue, and most are not at work."""


def _is_queued_here(table: FromClause) -> ColumnElement[bool]:
    return and_(table.c.instance == _INSTANCE, table.c.queue == _QUEUE, is_queued(table))


def _first_of_each_kind() -> Select[*tuple[Any, ...]]:
    first, bound = first_rows(_is_queued_here, _KIND, _RANK), _routing.alias("bound")
    same_affinity = (bound.c.workstream == first.c.workstream, bound.c.bound_to == first.c.bound_to)
    first_until = select(func.min(bound.c.bound_until)).where(
        _is_queued_here(bound), has_affinity(bound), *same_affinity
    )
    columns = [first.c[name] for name in _CANDIDATE]
    return select(*columns, first_until.scalar_subquery()).where(first.c.conversation_id.is_not(None))


FIRST_OF_EACH_KIND = _first_of_each_kind()
"""The first conversation of each kind in a queue, and the earliest end of the affinities in its kind.

Parameters: instance, queue.
"""

AFFINITY_AGENTS = (
    select(
        *(_agent.user, _agent.status, _agent.status_since),
        or_(_agent.next_status.is_not(None), _agent.disconnected_at.is_not(None)),
        _agent.capacity - load_of(_agent.instance, _agent.user, _NOW),
    )
    .where(_agent.instance == _INSTANCE, _agent.user.in_(bindparam("users", expanding=True)))
    .where(_SERVES)
)
"""The agents among `users` who serve a queue, with the fields of `AffinityAgent`. Parameters: instance, queue, users, now."""

LAST_ASSIGNMENT = select(_agent.last_assigned_at).where(_agent.instance == _INSTANCE, _agent.user == bindparam("user"))
"""When an agent was last assigned. Parameters: instance, user."""


@cache
def best_agent_query(*, most_free: bool, bound: bool) -> Select[*tuple[Any, ...]]:
    """Builds the query for the best agent for a conversation: the user, the last assignment, and whether they rejected it.

    Agents without such a rejection rank first. Rejections before `rejected_after` do not count.

    Parameters: those of `_free_agents`, conversation_id, rejected_after.

    Args:
        most_free: whether the agent with the most free capacity is best; else the one whose last assignment is the oldest.
        bound: whether only the agent `bound_to` counts.
    """
    free = _free_agents(bound)
    this_rejection = (_rejection.conversation_id == bindparam("conversation_id"), _rejection.user == free.c.user)
    rejected = exists().where(*this_rejection, _rejection.at > _REJECTED_AFTER).label("rejected")
    preference = free.c.free_units.desc() if most_free else free.c.last_assigned_at.nulls_first()
    columns = (free.c.user, free.c.last_assigned_at, rejected)
    return select(*columns).order_by(rejected, preference, free.c.idle_since, free.c.user).limit(1)


@cache
def best_unlocked_agent_query(*, most_free: bool, bound: bool) -> Select[*tuple[Any, ...]]:
    """Builds `best_agent_query` without the agents that another transaction locks, and locks the best one. PostgreSQL only."""
    query, agent = best_agent_query(most_free=most_free, bound=bound), schema.agents.alias("unlocked")
    (free,) = query.get_final_froms()
    same_agent = and_(agent.c.instance == _INSTANCE, agent.c.user == free.c.user)
    return query.join_from(free, agent, same_agent).with_for_update(of=agent, skip_locked=True)


@cache
def first_not_rejected_by_all(*, bound: bool) -> Select[*tuple[Any, ...]]:
    """Builds the query for the first conversation of a kind that not every free agent rejected or missed.

    Rejections before `rejected_after` do not count. Parameters: those of `_free_agents`, workstream, bound_to, rejected_after.
    """
    free = _free_agents(bound)
    rejections = (
        select(func.count())
        .select_from(schema.routing_rejections.join(free, free.c.user == _rejection.user))
        .where(_rejection.conversation_id == _routing.c.conversation_id, _rejection.at > _REJECTED_AFTER)
    )
    free_agents = select(func.count()).select_from(free)
    return (
        select(*(_routing.c[name] for name in _CANDIDATE))
        .where(_is_queued_here(_routing), *(_routing.c[name] == bindparam(name) for name in _KIND))
        .where(rejections.scalar_subquery() < free_agents.scalar_subquery())
        .order_by(*queue_order(_routing))
        .limit(1)
    )


def _free_agents(bound: bool) -> CTE:
    """Builds the query for the agents who can be offered conversations of a kind.

    Parameters: instance, queue, now, statuses, units; if `bound` also bound_to.
    """
    free_units = _agent.capacity - load_of(_agent.instance, _agent.user, _NOW)
    available = (
        select(_agent.user, _agent.last_assigned_at, _agent.idle_since, free_units.label("free_units"))
        .where(_agent.instance == _INSTANCE, _SERVES, _agent.next_status.is_(None))
        .where(_agent.status.in_(bindparam("statuses", expanding=True)), _agent.disconnected_at.is_(None))
    )
    if bound:
        available = available.where(_agent.user == bindparam("bound_to"))
    # materialized, so that the load of each agent is summed up once
    loads = available.cte("available").prefix_with("MATERIALIZED")
    return select(loads).where(loads.c.free_units >= bindparam("units")).cte("free").prefix_with("MATERIALIZED")
