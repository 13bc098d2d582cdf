"""The outcome of every event and timer in every sample state, as tables. They follow the design, not the code.

A cell is the new state (SURVEY: a wrap-up whose survey is open), or

    in   it takes effect within the state     no   it is refused and changes nothing
    =    it is accepted and changes nothing   -    the timer does not run
    x    the sample state does not exist      a/b  a in live mode, b in persistent mode

The last column is the end reason of a contact that ends by it.
"""

from __future__ import annotations

from typing import NamedTuple

from domain.contacts import EndReason
from domain.conversation import Mode
from tests.workflows.sample_states import BOTH_MODES, PERSISTENT_ONLY

EVENTS = """
                               | open   active     surveyed   wrap-up survey  asked  closed| waiting returned|
message: customer              | in     in         in         no      in      in     no    | OPEN    in      |
message: accepted              | in     in         in         in      in      in     in    | OPEN    in      |
message: last survey answer    | in     in         in         no      WRAP_UP CLOSED no    | OPEN    in      | agent ended
message: agent                 | no     in         in         no      no      no     no    | no      no      |
message: bot                   | in     in         in         no      in      in     no    | in      in      |
message: operator              | in     in         in         no      in      in     no    | in      in      |
message: former agent          | no     no         no         no      no      no     no    | no      no      |
message: former agent, accepted| in     in         in         in      in      in     in    | in      in      |
message: stranger              | no     no         no         no      no      no     no    | no      no      |
message: repeated              | =      =          =          =       =       =      =     | =       =       |
connect: customer              | in     in         in         =       in      in     =     | in      in      |
connect: agent                 | no     in         in         =       no      no     =     | no      no      |
connect: bot                   | in     in         in         =       in      in     =     | in      in      |
connect: former agent          | =      =          =          =       =       =      =     | =       =       |
connect: stranger              | no     no         no         no      no      no     no    | no      no      |
disconnect: customer           | in     in         in         =       in      in     =     | in      in      |
disconnect: outdated           | =      =          =          =       =       =      =     | =       =       |
disconnect: agent              | no     in         in         =       no      no     =     | no      no      |
disconnect: former agent       | =      =          =          =       =       =      =     | =       =       |
disconnect: stranger           | no     no         no         no      no      no     no    | no      no      |
assign: another agent          | ACTIVE no         no         no      no      no     no    | ACTIVE  ACTIVE  | transferred
assign: same agent             | ACTIVE =          =          no      no      no     no    | ACTIVE  ACTIVE  |
transfer: to queue             | OPEN   OPEN       OPEN       no      no      no     no    | no      OPEN    | transferred
transfer: to agent             | ACTIVE ACTIVE     ACTIVE     no      no      no     no    | no      ACTIVE  | transferred
transfer: repeated             | =      =          =          =       =       =      =     | =       =       |
transfer: past contact         | =      =          =          =       =       =      =     | =       =       |
transfer: customer             | no     no         no         no      no      no     no    | no      no      |
transfer: bot                  | no     no         no         no      no      no     no    | no      no      |
transfer: former agent         | no     no         no         no      no      no     no    | no      no      |
release: agent                 | no     OPEN       OPEN       no      no      no     no    | no      no      | released
release: operator              | no     OPEN       OPEN       no      no      no     no    | no      no      | released
release: customer              | no     no         no         no      no      no     no    | no      no      |
release: bot                   | no     no         no         no      no      no     no    | no      no      |
release: former agent          | no     no         no         no      no      no     no    | no      no      |
park: agent                    | no     no/WAITING no/WAITING no      no      no     no    | =       no      |
park: operator                 | no     no/WAITING no/WAITING no      no      no     no    | =       no      |
park: customer                 | no     no         no         no      no      no     no    | no      no      |
park: bot                      | no     no         no         no      no      no     no    | no      no      |
park: former agent             | no     no         no         no      no      no     no    | no      no      |
resume: agent                  | no     no         no         no      no      no     no    | ACTIVE  ACTIVE  |
resume: agent who parked       | no     no         no         no      no      no     no    | ACTIVE  ACTIVE  |
resume: former agent           | no     no         no         no      no      no     no    | ACTIVE  ACTIVE  |
resume: for another agent      | no     no         no         no      no      no     no    | ACTIVE  ACTIVE  | transferred
resume: customer               | no     no         no         no      no      no     no    | no      no      |
resume: bot                    | no     no         no         no      no      no     no    | no      no      |
invite: another bot            | in     in         in         no      in      in     no    | in      in      |
invite: same bot               | =      =          =          =       =       =      =     | =       =       |
barge: present contact         | in     in         in         no      no      no     no    | in      in      |
barge: another contact         | no     no         no         no      no      no     no    | no      no      |
leave: bot                     | in     in         in         =       in      in     =     | in      in      |
leave: bot of the survey       | in     in         in         =       WRAP_UP CLOSED =     | in      in      | agent ended
leave: customer                | no     no         no         no      no      no     no    | no      no      |
leave: stranger                | no     no         no         no      no      no     no    | no      no      |
end: customer, allowed         | CLOSED WRAP_UP    WRAP_UP    no      WRAP_UP CLOSED no    | CLOSED  CLOSED  | customer ended
end: customer, not allowed     | no     no         no         no      WRAP_UP CLOSED no    | no      no      | customer ended
end: agent                     | no     WRAP_UP    SURVEY     no      no      no     no    | no      no      | agent ended
end: bot                       | no     WRAP_UP    SURVEY     no      no      no     no    | no      no      | agent ended
end: operator                  | CLOSED WRAP_UP    WRAP_UP    no      WRAP_UP CLOSED no    | CLOSED  CLOSED  | stopped
end: former agent              | no     no         no         no      no      no     no    | no      no      |
close: agent                   | no     no         no         CLOSED  SURVEY  no     no    | no      no      |
close: operator                | no     no         no         CLOSED  SURVEY  no     no    | no      no      |
configure: timers              | in     in         in         no      in      in     no    | in      in      |
position: second               | in/no  =/no       =/no       =/no    =/no    =/no   =/no  | no      no      |
hours: closed                  | in     in         in         in      in      in     in    | in      in      |
offer: first                   | in     in         in         in      in      in     in    | in      in      |
offer: auto-accepted           | ACTIVE in         in         in      in      in     in    | in      ACTIVE  | transferred
offer: another                 | in     in         in         in      in      in     in    | in      in      |
offer: repeated                | =      =          =          =       =       =      =     | =       =       |
assign: offered agent          | ACTIVE no         no         no      no      no     no    | ACTIVE  ACTIVE  | transferred
resume: offered agent          | no     no         no         no      no      no     no    | ACTIVE  ACTIVE  | transferred
end: during an offer           | CLOSED WRAP_UP    WRAP_UP    no      WRAP_UP CLOSED no    | CLOSED  CLOSED  | stopped
accept: no offer               | no     no         no         no      no      no     no    | no      no      |
accept: current offer          | ACTIVE no         no         no      no      no     no    | no      ACTIVE  | transferred
accept: previous offer         | no     no         no         no      no      no     no    | no      no      |
accept: another offer          | no     no         no         no      no      no     no    | no      no      |
reject: no offer               | no     no         no         no      no      no     no    | no      no      |
reject: current offer          | in     no         no         no      no      no     no    | no      in      |
reject: another offer          | no     no         no         no      no      no     no    | no      no      |
withdraw: no offer             | no     no         no         no      no      no     no    | no      no      |
withdraw: current offer        | in     no         no         no      no      no     no    | no      in      |
withdraw: another offer        | no     no         no         no      no      no     no    | no      no      |
"""

TIMERS = """
                       | open      active     surveyed   wrap-up survey  asked  closed| waiting returned|
customer must connect  | CLOSED/in WRAP_UP/in WRAP_UP/in -       x       x      -     | -       -       | customer never connected
reconnect window       | CLOSED/-  WRAP_UP/-  WRAP_UP/-  -       -       -      -     | -       -       | customer lost
open too long          | CLOSED    -          -          -       -       -      -     | -       CLOSED  | open too long
chat duration          | CLOSED    WRAP_UP    WRAP_UP    -       -       -      -     | CLOSED  CLOSED  | chat duration reached
wrap-up                | -         -          -          CLOSED  SURVEY  -      -     | -       -       |
survey                 | -         -          -          -       WRAP_UP CLOSED -     | -       -       | agent ended
waiting too long       | -         -          -          -       -       -      -     | CLOSED  -       | waited too long
agent must return      | -         OPEN       OPEN       -       -       -      -     | -       -       | agent lost
agent joins: accepted  | OPEN      -          -          -       -       -      -     | -       OPEN    | agent lost
agent joins: assigned  | -         -          -          -       -       -      -     | -       -       |
assigned agent absent  | OPEN      -          -          -       -       -      -     | -       OPEN    | agent lost
opening hours change   | in        -          -          -       -       -      -     | -       in      |
offer must be accepted | in        -          -          -       -       -      -     | -       in      |
customer silent: remind| in        in         in         -       -       -      -     | in      -       |
customer silent: warn  | in        in         in         -       -       -      -     | in      -       |
customer silent: close | CLOSED    WRAP_UP    WRAP_UP    -       -       -      -     | CLOSED  -       | customer silent
agent silent: remind   | -         in         in         -       -       -      -     | -       -       |
agent silent: release  | -         OPEN       OPEN       -       -       -      -     | -       -       | released
customer idle          | in        in         in         -       -       -      -     | -       in      |
agent idle             | -         in         in         -       -       -      -     | -       -       |
customer idle too long | CLOSED    WRAP_UP    SURVEY     -       -       -      -     | -       CLOSED  | participant idle
agent idle too long    | -         WRAP_UP    SURVEY     -       -       -      -     | -       -       | participant idle
"""


class Expected(NamedTuple):
    """One cell: the outcome of an input in a sample state."""

    mode: Mode
    sample: str
    input: str
    outcome: str
    reason: EndReason | None


def read(table: str) -> list[Expected]:
    """Read a table: one expectation for each cell and each mode of its sample state."""
    header, *lines = table.strip("\n").splitlines()
    names = header.replace("|", " ").split()
    assert tuple(names) == (*BOTH_MODES, *PERSISTENT_ONLY)
    return [cell for line in lines for cell in _row(names, line)]


def _row(names: list[str], line: str) -> list[Expected]:
    input, both, persistent, end_reason = (part.strip() for part in line.split("|"))
    cells = [*both.split(), *persistent.split()]
    reason = EndReason(end_reason) if end_reason else None
    return [
        Expected(mode, name, input, cell.split("/")[order] if "/" in cell else cell, reason)
        for name, cell in zip(names, cells, strict=True)
        for order, mode in enumerate(Mode)
        if cell != "x" and (name in BOTH_MODES or mode is Mode.PERSISTENT)
    ]
