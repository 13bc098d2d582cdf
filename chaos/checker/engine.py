"""The store has what the engine has, and no workflow task failed."""

from __future__ import annotations

from collections.abc import Iterator

from chaos.checker.evidence import Breach, Evidence
from chaos.journal import Journal

CLOSED = "CLOSED"


def check_engine(journal: Journal, evidence: Evidence) -> Iterator[Breach]:
    """The same conversations run and are open, with the same state, revision, last item, agent and presence."""
    del journal
    open_rows = {id: row for id, row in evidence.conversations.items() if row["state"] != CLOSED}
    for id in open_rows.keys() - evidence.runs.keys():
        yield Breach("no run", id, f"it is {open_rows[id]['state']} on record, and no workflow runs")
    for id in evidence.runs.keys() - open_rows.keys():
        yield Breach("no open record", id, f"its workflow is {evidence.runs[id].state}")
    stages = {row["conversation_id"]: row for row in evidence.boards[-1].routing} if evidence.boards else {}
    for id in open_rows.keys() & evidence.runs.keys():
        row, run = open_rows[id], evidence.runs[id]
        last = evidence.items[id][-1]["seq"] if evidence.items.get(id) else 0
        recorded = (row["state"], row["revision"], last)
        if recorded != (run.state, run.revision, run.seq):
            yield Breach("store unlike engine", id, f"record {recorded}, run {(run.state, run.revision, run.seq)}")
        stored = {
            each["id"]: each["presence"]
            for each in evidence.participants
            if each["conversation_id"] == id and each["left_at"] is None
        }
        if {id: stored.get(id) for id in run.presence} != run.presence:
            yield Breach("participants unlike engine", id, f"record {stored}, run {run.presence}")
        holder = stages[id]["agent"] if id in stages and stages[id]["stage"] == "working" else None
        if run.state == "ACTIVE" and holder != run.agent:
            yield Breach("board unlike engine", id, f"{holder} on the board, {run.agent} in the run")


def check_tasks(journal: Journal, evidence: Evidence) -> Iterator[Breach]:
    """No workflow task and no workflow failed."""
    del journal
    yield from (Breach("failed in the engine", "temporal", what) for what in evidence.failed)
