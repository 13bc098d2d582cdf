"""The archived file of each ended contact has the items of its transcript."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from chaos.checker.evidence import Breach, Evidence
from chaos.journal import Journal


def check_archive(journal: Journal, evidence: Evidence) -> Iterator[Breach]:
    """Compares the files with the items of their contacts, in order."""
    del journal
    items: defaultdict[str, list[str]] = defaultdict(list)
    for transcript in evidence.transcripts.values():
        for item in transcript:
            items[item.contact].append(item.id)
    for row in evidence.contacts:
        if row["ended_at"] is None or row["conversation_id"] not in evidence.transcripts:
            continue
        found = evidence.files.get(row["id"])
        if found is None:
            yield Breach("no file", row["conversation_id"], f"contact {row['id']} has ended and has no file")
        elif found != items[row["id"]]:
            what = f"the file of contact {row['id']} has {len(found)} items, its transcript {len(items[row['id']])}"
            yield Breach("file unlike the transcript", row["conversation_id"], what)
