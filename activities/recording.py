"""Writing a conversation's news to the store, and announcing it."""

from __future__ import annotations

from temporalio import activity

from configuration.current import Configuration
from configuration.policies import workstream_policy
from runtime.bus import Announcement, Bus, board_has_changed
from store import conversations, records
from store.board import values
from store.database import Database
from store.documents import wire_item
from store.schema import FOREVER
from workflows.contract import Commit, ConversationActivities, Facts, Opening, Recorded, Rules
from workflows.policy import Policy
from workflows.state import Leg
from workflows.values import Item, OfferOutcome, Stage


class Recorder(ConversationActivities):
    """Implements the activities of a conversation on a store and a bus, under the configuration of the moment."""

    def __init__(self, db: Database, bus: Bus, configuration: Configuration) -> None:
        self._db = db
        self._bus = bus
        self._configuration = configuration

    @activity.defn
    async def record(self, commit: Commit) -> Recorded | None:
        """Writes the commit in one transaction, then announces what it brought."""
        head = await conversations.record(
            self._db,
            commit.conversation_id,
            opening=new_conversation(commit.opening) if commit.opening else None,
            facts=_facts(commit.facts) if commit.facts else None,
            items=[_item(item) for item in commit.items],
            placement=_placement(commit.conversation_id, commit.facts) if commit.facts else None,
        )
        if commit.facts:
            here = commit.facts.placement
            await self._bus.announce(board_has_changed(here.instance, here.queue))
        # first what no transcript keeps: a client that has been sent the end listens to nothing after it
        for notice in commit.notices:
            frame = wire_item(_item(notice.item), commit.conversation_id)
            await self._bus.announce(Announcement(commit.conversation_id, frame, only_to=notice.to))
        if commit.items:
            await self._bus.announce(Announcement(commit.conversation_id))
        policy = self._changed(commit.rules) if commit.rules else None
        if head is None and policy is None:
            return None
        return Recorded(seq=head.seq if head else None, at=head.at if head else None, policy=policy)

    def _changed(self, rules: Rules) -> Policy | None:
        """The policy of the workstream, where it is another than the conversation goes by.

        A workstream that is gone, or that is of the other mode now, changes nothing for those who are there.
        """
        instance = self._configuration.instances.get(rules.instance)
        workstream = instance.workstreams.get(rules.workstream) if instance else None
        if instance is None or workstream is None or workstream.mode != rules.mode:
            return None
        policy = workstream_policy(instance, workstream, rules.language)
        return None if policy.fingerprint(rules.fixed) == rules.fingerprint else policy


def new_conversation(opening: Opening) -> records.NewConversation:
    """The first record of a conversation, from what its workflow began with."""
    fields = opening.model_dump(exclude={"contact_id", "past"})
    past = records.Past(**opening.past.model_dump()) if opening.past else None
    return records.NewConversation(id=opening.contact_id, past=past, **fields)


def _item(item: Item) -> records.Item:
    return records.Item(**item.model_dump())


def _facts(facts: Facts) -> records.ConversationFacts:
    return records.ConversationFacts(
        revision=facts.revision,
        state=facts.state,
        ended_at=facts.ended_at,
        end_reason=facts.end_reason,
        closed_at=facts.closed_at,
        contacts=tuple(_contact(leg) for leg in facts.legs),
        answers=facts.answers,
        participants=tuple(records.ParticipantFacts(**who.model_dump(exclude={"since"})) for who in facts.participants),
    )


def _placement(conversation_id: str, facts: Facts) -> values.Placement:
    """Where the conversation stands on the board, as the board wants to know it."""
    here = facts.placement
    over = facts.offers_over
    return values.Placement(
        conversation_id=conversation_id,
        revision=facts.revision,
        instance=here.instance,
        queue=here.queue,
        workstream=here.workstream,
        contact_id=here.contact_id,
        stage=None if here.stage is Stage.OFF else values.Stage(here.stage),
        enqueued_at=here.since,
        agent=here.agent,
        units=here.units,
        ahead=here.ahead,
        priority=here.priority,
        bound_to=here.bound_to,
        bound_until=here.bound_until,
        wrap_up_holds_until=(here.holds_until or FOREVER) if here.holds else None,
        settled=tuple(
            values.Settled(offer.id, values.Outcome(offer.outcome))
            for offer in over
            if offer.outcome is not OfferOutcome.ABSENT
        ),
        passed_by=tuple(offer.user for offer in over if offer.outcome is OfferOutcome.REJECTED),
        absent=tuple(offer.user for offer in over if offer.outcome is OfferOutcome.ABSENT),
        miss_limit=here.missed_offers,
    )


def _contact(leg: Leg) -> records.ContactFacts:
    return records.ContactFacts(
        id=leg.id,
        initiation_method=leg.initiation,
        previous_contact_id=leg.previous,
        queue=leg.queue,
        initiated_at=leg.began_at,
        enqueued_at=leg.began_at,
        agent_user=leg.agent_user,
        agent_connected_at=leg.agent_assigned_at,
        ended_at=leg.ended_at,
        end_reason=leg.end_reason,
        last_seq=leg.last_seq,
        wrapped_up_at=leg.wrapped_up_at,
    )
