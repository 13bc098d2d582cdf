"""The figures of a run, as text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from chaos.checker.evidence import Breach
from chaos.journal import FaultRecord, Journal

SHOWN = 40
"""How many differences are printed in full."""


def report(journal: Journal, differences: Sequence[Breach]) -> Iterator[str]:
    """What happened, how fast it was well again, and what is not as promised."""
    accepted = journal.acknowledged
    seconds = journal.ended - journal.began
    refused = {status: times for status, times in sorted(journal.answers.items()) if status != 200}
    yield f"{len(accepted)} messages accepted in {seconds:.0f} s, in {len(journal.chats)} chats; {len(journal.sockets)} sockets"
    yield f"other answers (0: none): {refused}"
    yield f"people: {', '.join(f'{what} {times}' for what, times in sorted(journal.done.items()))}"
    for fault in journal.faults:
        began, lasted = fault.began - journal.began, fault.lifted - fault.began
        yield f"  {began:6.1f} s  {fault.kind} {fault.part}, {lasted:.1f} s; well {recovery(journal, fault):.1f} s later"
    for difference in differences[:SHOWN]:
        yield f"DIFFERENCE  {difference.rule}  {difference.where}  {difference.what}"
    if len(differences) > SHOWN:
        yield f"... and {len(differences) - SHOWN} more differences"


def recoveries(journals: Iterable[Journal]) -> Iterator[str]:
    """How long people still waited after a fault was over, by kind of fault."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for journal in journals:
        for fault in journal.faults:
            found[f"{fault.kind} {_without_number(fault.part)}"].append(recovery(journal, fault))
    for kind, seconds in sorted(found.items()):
        yield f"  {kind:32} {len(seconds):3} times; well after {median(seconds):.1f} s (median), {max(seconds):.1f} s at most"


def recovery(journal: Journal, fault: FaultRecord) -> float:
    """From the end of a fault until everybody who waited for an answer or a socket had it. 0 if nobody waited."""
    lifted = fault.lifted
    answered = [m.answered for m in journal.messages if m.answered and m.begun < lifted < m.answered]
    lost = {
        socket.participant for socket in journal.sockets if socket.closed and fault.began <= socket.closed <= lifted
    }
    back: dict[str, float] = {}
    for socket in journal.sockets:
        if socket.participant in lost and socket.subscribed > fault.began:
            back[socket.participant] = min(socket.subscribed, back.get(socket.participant, socket.subscribed))
    # who came back much later was away for a reason of their own
    opened = [at for at in back.values() if lifted < at < lifted + 30]
    return max([0.0, *(at - lifted for at in (*answered, *opened))])


def _without_number(part: str) -> str:
    return part.replace("-1", "").replace("-2", "")
