"""Conversations that do what the third edition of the rules brought; see scenarios.py."""

from __future__ import annotations

from datetime import timedelta

from temporalio.testing import WorkflowEnvironment

from domain.conversation import Mode, State
from domain.events import AcceptOffer, Close, Connect, Disconnect, End, Park, RejectOffer, Resume
from tests.replay.second_edition import until_next
from tests.workflows.clock import now
from tests.workflows.engine import Chat, Engine
from workflows.timers import Timer


async def offered(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """Rejected by one agent, missed by one, withdrawn from one, taken by one who is lost and takes it again."""
    talk = await engine.start(id="recorded-offered", greeting="Is anybody there?")
    await talk.do(Connect())
    await _offer(environment, talk, "a1")
    await talk.do(RejectOffer(offer_id="offer-a1", by="a1"))
    await _offer(environment, talk, "a2")
    await until_next(environment, talk, Timer.OFFER)
    await _offer(environment, talk, "a3")
    await talk.signal("withdraw", {"offer_id": "offer-a3"})
    await talk.until(lambda s: s.offer is None, "it is withdrawn")
    await _offer(environment, talk, "a4")
    await talk.do(AcceptOffer(offer_id="offer-a4", by="a4"), Connect(by="agent"), Disconnect(by="agent"))
    await until_next(environment, talk, Timer.AGENT_GRACE)
    await _offer(environment, talk, "a4", "again")
    await talk.do(AcceptOffer(offer_id="again", by="a4"), Connect(by="agent"), End(by="agent"), Close())
    await talk.handle.result()
    return talk


async def returning(engine: Engine, environment: WorkflowEnvironment) -> Chat:
    """Theirs as it is offered, to one who never comes; then to one who parks it, and to whom it returns."""
    talk = await engine.start(
        Mode.PERSISTENT, id="recorded-returning", auto_accept=True, wrap_up_holds=timedelta(hours=1)
    )
    await talk.do(Connect())
    await _offer(environment, talk, "a1")
    await talk.until(lambda s: s.state is State.ACTIVE, "it is accepted")
    await until_next(environment, talk, Timer.AGENT_GRACE)
    await _offer(environment, talk, "a2")
    await talk.do(Connect(by="agent"), Park())
    await talk.say("Any news?")
    await talk.renew()
    await talk.do(Resume(), Connect(by="agent"), End(by="agent"), Close())
    await talk.handle.result()
    return talk


async def reconfigured(engine: Engine, _: WorkflowEnvironment) -> Chat:
    """Started with a policy that its workstream does not amount to any more, so that it goes on by another."""
    talk = await engine.start(id="recorded-reconfigured", workstream="live", hours=True, open_age=timedelta(hours=3))
    await talk.until(lambda s: s.policy.open_age == timedelta(minutes=20), "it takes the new policy")
    await talk.do(Connect(), End())
    await talk.handle.result()
    return talk


THIRD_EDITION = {"offered": offered, "returning": returning, "reconfigured": reconfigured}


async def _offer(environment: WorkflowEnvironment, talk: Chat, user: str, id: str | None = None) -> None:
    id, until = id or f"offer-{user}", await now(environment, talk) + timedelta(minutes=2)
    await talk.signal("offer", {"offer_id": id, "user": user, "name": user.upper(), "until": until.isoformat()})
    await talk.until(lambda s: s.offer is not None or s.state is State.ACTIVE, f"{user} is asked")
