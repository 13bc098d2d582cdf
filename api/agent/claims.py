"""Claims: an agent takes a conversation that was not offered to them.

Routing stores the claim as an offer, which uses the agent's capacity at once. Then the conversation confirms it. If this process
dies in between, the claim is an offer like any other: the dispatcher sends it to the conversation, and the agent may accept it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from api.agent.authentication import SignedInAgent
from api.dependencies import Services
from api.refusals import try_command
from domain.events import Command
from domain.refusals import Refusal, RefusalCode
from domain.routing import Offer, OfferOutcome
from routing import offers
from store.records import StoredConversation


async def claim(services: Services, agent: SignedInAgent, conversation: StoredConversation) -> Offer | RefusalCode:
    """Reserve a conversation for an agent. Exceeds their capacity only if the workstream allows it."""
    workstream = agent.instance_settings.workstreams.get(conversation.workstream)
    over_capacity = workstream is None or workstream.over_capacity
    return await offers.claim_offer(
        services.db, conversation.id, agent.user, datetime.now(UTC), over_capacity=over_capacity
    )


async def confirm_claim(services: Services, claimed: Offer, command: Command) -> Refusal | None:
    """Send the command that assigns a claimed conversation to the agent. Withdraws the claim if the command is refused.

    Returns:
        The refusal, also for an ended conversation; None if the conversation is assigned.
    """
    refused = await try_command(services.engine, claimed.conversation_id, command)
    if refused:
        await offers.end_offer(services.db, claimed, OfferOutcome.WITHDRAWN, datetime.now(UTC))
    return refused
