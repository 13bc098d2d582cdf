"""The rule of `workflows/contract.py` for new fields: a new field of the snapshot that varies breaks replay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from temporalio.workflow import NondeterminismError

from domain.conversation import ConversationSnapshot
from domain.routing import Placement
from tests.replay.decisions import replay_decisions
from tests.replay.histories import HISTORIES, read_history
from workflows import commits
from workflows.contract import snapshot_of
from workflows.state import ConversationState

CHAT = HISTORIES / "chat-1.json"
"""It has tasks that change the state but not the snapshot: a refused command and a malformed signal."""


class LaterSnapshot(ConversationSnapshot):
    """A later version of the snapshot."""

    refused_count: int = 0


class LaterPlacement(Placement):
    """A later version of the placement."""

    decided_at: datetime | None = None


def with_varying_field(state: ConversationState) -> ConversationSnapshot:
    return LaterSnapshot(**dict(snapshot_of(state)), refused_count=state.refused_count)


def with_constant_field(state: ConversationState) -> ConversationSnapshot:
    return LaterSnapshot(**dict(snapshot_of(state)))


def with_varying_placement(state: ConversationState) -> ConversationSnapshot:
    snapshot = snapshot_of(state)
    placement = LaterPlacement(**dict(snapshot.placement), decided_at=state.clock)
    return ConversationSnapshot.model_validate({**dict(snapshot), "placement": placement})


@pytest.mark.parametrize("later", [with_varying_field, with_varying_placement])
async def test_varying_field_of_the_snapshot_breaks_replay(
    later: Callable[[ConversationState], ConversationSnapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    await replay_decisions(read_history(CHAT))
    monkeypatch.setattr(commits, "snapshot_of", later)
    with pytest.raises(NondeterminismError):
        await replay_decisions(read_history(CHAT))


async def test_field_at_its_default_keeps_histories_replayable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "snapshot_of", with_constant_field)
    await replay_decisions(read_history(CHAT))
