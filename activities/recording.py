"""Writing a conversation's news to the store, and announcing it."""

from __future__ import annotations

from temporalio import activity

from runtime.bus import Announcement, Bus
from store import conversations, records
from store.database import Database
from store.documents import wire_item
from workflows.contract import Commit, ConversationActivities, Facts, Opening, Recorded
from workflows.state import Leg
from workflows.values import Item


class Recorder(ConversationActivities):
    """Implements the activities of a conversation on a store and a bus."""

    def __init__(self, db: Database, bus: Bus) -> None:
        self._db = db
        self._bus = bus

    @activity.defn
    async def record(self, commit: Commit) -> Recorded | None:
        """Writes the commit in one transaction, then announces what it brought."""
        head = await conversations.record(
            self._db,
            commit.conversation_id,
            opening=new_conversation(commit.opening) if commit.opening else None,
            facts=_facts(commit.facts) if commit.facts else None,
            items=[_item(item) for item in commit.items],
        )
        # first what no transcript keeps: a client that has been sent the end listens to nothing after it
        for notice in commit.notices:
            frame = wire_item(_item(notice.item), commit.conversation_id)
            await self._bus.announce(Announcement(commit.conversation_id, frame, only_to=notice.to))
        if commit.items:
            await self._bus.announce(Announcement(commit.conversation_id))
        return Recorded(seq=head.seq, at=head.at) if head else None


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
