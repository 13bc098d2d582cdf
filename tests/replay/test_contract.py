"""The rule of `workflows/contract.py` for new fields: a field of the record that varies breaks the replay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from temporalio.workflow import NondeterminismError

from domain.conversation import ConversationSnapshot
from domain.routing import Placement
from tests.replay.decisions import replay_decisions
from tests.replay.histories import HISTORIES, read_history
from workflows import conversation
from workflows.contract import snapshot_of
from workflows.state import ConversationState

CHAT = HISTORIES / "chat-1.json"
"""It has rounds that change the state and not the record: a refused command and a malformed signal."""


class LaterFacts(ConversationSnapshot):
    """A later version of the record."""

    refused_count: int = 0


class LaterPlacement(Placement):
    """A later version of the placement."""

    decided_at: datetime | None = None


def with_varying_fact(state: ConversationState) -> ConversationSnapshot:
    return LaterFacts(**dict(snapshot_of(state)), refused_count=state.refused_count)


def with_constant_fact(state: ConversationState) -> ConversationSnapshot:
    return LaterFacts(**dict(snapshot_of(state)))


def with_varying_placement(state: ConversationState) -> ConversationSnapshot:
    record = snapshot_of(state)
    placement = LaterPlacement(**dict(record.placement), decided_at=state.clock)
    return ConversationSnapshot.model_validate({**dict(record), "placement": placement})


@pytest.mark.parametrize("later", [with_varying_fact, with_varying_placement])
async def test_varying_field_of_the_record_breaks_replay(
    later: Callable[[ConversationState], ConversationSnapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    await replay_decisions(read_history(CHAT))
    monkeypatch.setattr(conversation, "snapshot_of", later)
    with pytest.raises(NondeterminismError):
        await replay_decisions(read_history(CHAT))


async def test_field_at_its_default_keeps_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "snapshot_of", with_constant_fact)
    await replay_decisions(read_history(CHAT))
