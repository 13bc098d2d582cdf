"""Changes to messages, transcripts, pasts and sockets of a quiet run."""

from __future__ import annotations

from chaos.checker.evidence import Evidence
from chaos.journal import Journal, Outcome, ShownFrame
from tests.chaos.quiet_run import BEGAN, ENDED, OPEN
from tests.chaos.tamperings import add_item, breaks, without


@breaks("lost message")
def lost(_: Journal, evidence: Evidence) -> None:
    without(evidence, ENDED, 1)


@breaks("doubled message")
def doubled(_: Journal, evidence: Evidence) -> None:
    twice = evidence.transcripts[OPEN][-1]
    add_item(evidence, OPEN, twice._replace(id="another", at=twice.at + 1))


@breaks("doubled message")
def refused_message_twice(journal: Journal, evidence: Evidence) -> None:
    doubled(journal, evidence)
    journal.messages[-1].outcome = Outcome.REFUSED


@breaks("foreign message")
def foreign(_: Journal, evidence: Evidence) -> None:
    last = evidence.transcripts[OPEN][-1]
    add_item(evidence, OPEN, last._replace(id="another", content="whoever", at=last.at + 1))


@breaks("wrong id")
def other_id(journal: Journal, _: Evidence) -> None:
    journal.messages[0].id = "another"


@breaks("misplaced message")
def misplaced(_: Journal, evidence: Evidence) -> None:
    items = evidence.transcripts[OPEN]
    items[1], items[2] = items[2]._replace(at=items[1].at), items[1]._replace(at=items[2].at)


@breaks("hole in the feed")
def untold(journal: Journal, _: Evidence) -> None:
    journal.followed.pop(1)


@breaks("hole in the feed")
def told_out_of_order(journal: Journal, _: Evidence) -> None:
    journal.followed[0], journal.followed[1] = journal.followed[1], journal.followed[0]


@breaks("feed unlike the transcript")
def another_message_told(journal: Journal, _: Evidence) -> None:
    journal.followed[1] = journal.followed[1]._replace(id="another")


@breaks("feed unlike the record")
def end_untold(journal: Journal, evidence: Evidence) -> None:
    journal.followed = [event for event in journal.followed if event.type != "conversation.closed"]


@breaks("event not delivered")
def undelivered(journal: Journal, _: Evidence) -> None:
    journal.received.pop()


@breaks("webhook out of order")
def delivered_out_of_order(journal: Journal, _: Evidence) -> None:
    journal.received[-1], journal.received[-2] = journal.received[-2], journal.received[-1]


@breaks("no transcript")
def unreadable(_: Journal, evidence: Evidence) -> None:
    del evidence.transcripts[OPEN]


@breaks("hole in the numbers")
def hole(_: Journal, evidence: Evidence) -> None:
    evidence.items[OPEN][-1] = {**evidence.items[OPEN][-1], "seq": 9}


@breaks("transcript unlike the store")
def unlike(_: Journal, evidence: Evidence) -> None:
    evidence.items[OPEN].pop()


@breaks("times do not grow")
def same_time(_: Journal, evidence: Evidence) -> None:
    items = evidence.transcripts[OPEN]
    items[2] = items[2]._replace(at=items[1].at)


@breaks("past is not whole")
def past_without_an_item(journal: Journal, _: Evidence) -> None:
    past = journal.chats[OPEN].past
    assert past
    del past[1]


@breaks("foreign past")
def past_of_others(journal: Journal, _: Evidence) -> None:
    past = journal.chats[OPEN].past
    assert past
    past.insert(0, "an item of somebody else")


@breaks("doubled frame")
def frame_twice(journal: Journal, _: Evidence) -> None:
    journal.sockets[0].frames.insert(1, journal.sockets[0].frames[0])


@breaks("misplaced frame")
def frames_exchanged(journal: Journal, _: Evidence) -> None:
    frames = journal.sockets[0].frames
    frames[0], frames[1] = frames[1], frames[0]


@breaks("missing frame")
def frame_missing(journal: Journal, _: Evidence) -> None:
    del journal.sockets[0].frames[1]


@breaks("missing frame")
def frame_missing_on_the_socket_of_an_agent(journal: Journal, _: Evidence) -> None:
    del journal.sockets[-1].frames[1]


@breaks("foreign frame")
def frame_of_nothing(journal: Journal, _: Evidence) -> None:
    journal.sockets[0].frames.append(ShownFrame("unknown", "MESSAGE", "text/plain", BEGAN + 3))


@breaks("open socket lacks frames")
def last_frame_never_sent(journal: Journal, _: Evidence) -> None:
    journal.sockets[2].frames.pop()


@breaks("reconnect lacks items")
def reading_lacks_an_item(journal: Journal, _: Evidence) -> None:
    socket = journal.sockets[2]
    assert socket.read
    del socket.read[0]
    socket.closed = BEGAN + 50


@breaks("foreign reading")
def reading_of_what_is_gone(journal: Journal, _: Evidence) -> None:
    journal.sockets[2].read = ["gone", *(journal.sockets[2].read or ())]


@breaks("agent events")
def agent_event_missing(journal: Journal, _: Evidence) -> None:
    journal.numbers["a1"].remove(8)
