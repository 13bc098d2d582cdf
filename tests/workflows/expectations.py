"""What the design says of everything that can happen in every situation, as a table: written anew, not taken from the code.

A cell is the state to which something leads (SURVEY: a wrap-up whose survey is open), or

    in   it happens within the state          no   it is refused, and changes nothing
    =    it is no news and changes nothing    -    the timer does not run
    x    there is no such situation           a/b  a in live mode, b in persistent mode

The last column says why a contact ends by it.
"""

from __future__ import annotations

from typing import NamedTuple

from domain.contacts import EndReason
from domain.conversation import Mode
from tests.workflows.situations import BOTH, PARKED

EVENTS = """
                          | open   active     asking     wrap-up survey  last   closed | waiting back   |
message: customer         | in     in         in         no      in      in     no     | OPEN    in     |
message: accepted         | in     in         in         in      in      in     in     | OPEN    in     |
message: last answer      | in     in         in         no      WRAP_UP CLOSED no     | OPEN    in     | agent ended
message: agent            | no     in         in         no      no      no     no     | no      no     |
message: bot              | in     in         in         no      in      in     no     | in      in     |
message: operator         | in     in         in         no      in      in     no     | in      in     |
message: former           | no     no         no         no      no      no     no     | no      no     |
message: former, accepted | in     in         in         in      in      in     in     | in      in     |
message: stranger         | no     no         no         no      no      no     no     | no      no     |
message: repeated         | =      =          =          =       =       =      =      | =       =      |
connect: customer         | in     in         in         =       in      in     =      | in      in     |
connect: agent            | no     in         in         =       no      no     =      | no      no     |
connect: bot              | in     in         in         =       in      in     =      | in      in     |
connect: former           | =      =          =          =       =       =      =      | =       =      |
connect: stranger         | no     no         no         no      no      no     no     | no      no     |
disconnect: customer      | in     in         in         =       in      in     =      | in      in     |
disconnect: overtaken     | =      =          =          =       =       =      =      | =       =      |
disconnect: agent         | no     in         in         =       no      no     =      | no      no     |
disconnect: former        | =      =          =          =       =       =      =      | =       =      |
disconnect: stranger      | no     no         no         no      no      no     no     | no      no     |
assign: another           | ACTIVE no         no         no      no      no     no     | ACTIVE  ACTIVE | transferred
assign: the same          | ACTIVE =          =          no      no      no     no     | ACTIVE  ACTIVE |
transfer: to queue        | no     OPEN       OPEN       no      no      no     no     | no      no     | transferred
transfer: to agent        | no     ACTIVE     ACTIVE     no      no      no     no     | no      no     | transferred
transfer: repeated        | =      =          =          =       =       =      =      | =       =      |
transfer: of before       | =      =          =          =       =       =      =      | =       =      |
transfer: customer        | no     no         no         no      no      no     no     | no      no     |
transfer: bot             | no     no         no         no      no      no     no     | no      no     |
transfer: former          | no     no         no         no      no      no     no     | no      no     |
release: agent            | no     OPEN       OPEN       no      no      no     no     | no      no     | released
release: operator         | no     OPEN       OPEN       no      no      no     no     | no      no     | released
release: customer         | no     no         no         no      no      no     no     | no      no     |
release: bot              | no     no         no         no      no      no     no     | no      no     |
release: former           | no     no         no         no      no      no     no     | no      no     |
park: agent               | no     no/WAITING no/WAITING no      no      no     no     | =       no     |
park: operator            | no     no/WAITING no/WAITING no      no      no     no     | =       no     |
park: customer            | no     no         no         no      no      no     no     | no      no     |
park: bot                 | no     no         no         no      no      no     no     | no      no     |
park: former              | no     no         no         no      no      no     no     | no      no     |
resume: agent             | no     no         no         no      no      no     no     | ACTIVE  ACTIVE |
resume: who parked        | no     no         no         no      no      no     no     | ACTIVE  ACTIVE |
resume: former            | no     no         no         no      no      no     no     | ACTIVE  ACTIVE |
resume: for another       | no     no         no         no      no      no     no     | ACTIVE  ACTIVE | transferred
resume: customer          | no     no         no         no      no      no     no     | no      no     |
resume: bot               | no     no         no         no      no      no     no     | no      no     |
invite: another bot       | in     in         in         no      in      in     no     | in      in     |
invite: the same bot      | =      =          =          =       =       =      =      | =       =      |
leave: bot                | in     in         in         =       in      in     =      | in      in     |
leave: bot that asks      | in     in         in         =       WRAP_UP CLOSED =      | in      in     | agent ended
leave: customer           | no     no         no         no      no      no     no     | no      no     |
leave: stranger           | no     no         no         no      no      no     no     | no      no     |
end: customer who may     | CLOSED WRAP_UP    WRAP_UP    no      WRAP_UP CLOSED no     | CLOSED  CLOSED | customer ended
end: customer who may not | no     no         no         no      WRAP_UP CLOSED no     | no      no     | customer ended
end: agent                | no     WRAP_UP    SURVEY     no      no      no     no     | no      no     | agent ended
end: bot                  | no     WRAP_UP    SURVEY     no      no      no     no     | no      no     | agent ended
end: operator             | CLOSED WRAP_UP    WRAP_UP    no      WRAP_UP CLOSED no     | CLOSED  CLOSED | stopped
end: former               | no     no         no         no      no      no     no     | no      no     |
close: agent              | no     no         no         CLOSED  SURVEY  no     no     | no      no     |
close: operator           | no     no         no         CLOSED  SURVEY  no     no     | no      no     |
configure: timers         | in     in         in         no      in      in     no     | in      in     |
position: second          | in/no  =/no       =/no       =/no    =/no    =/no   =/no   | no      no     |
hours: closed             | in     in         in         in      in      in     in     | in      in     |
offer: first              | in     in         in         in      in      in     in     | in      in     |
offer: accepted at once   | ACTIVE in         in         in      in      in     in     | in      ACTIVE | transferred
offer: another            | in     in         in         in      in      in     in     | in      in     |
offer: repeated           | =      =          =          =       =       =      =      | =       =      |
assign: offered           | ACTIVE no         no         no      no      no     no     | ACTIVE  ACTIVE | transferred
resume: offered           | no     no         no         no      no      no     no     | ACTIVE  ACTIVE | transferred
end: offered              | CLOSED WRAP_UP    WRAP_UP    no      WRAP_UP CLOSED no     | CLOSED  CLOSED | stopped
accept: no offer          | no     no         no         no      no      no     no     | no      no     |
accept: offered           | ACTIVE no         no         no      no      no     no     | no      ACTIVE | transferred
accept: of before         | no     no         no         no      no      no     no     | no      no     |
accept: another offer     | no     no         no         no      no      no     no     | no      no     |
reject: no offer          | no     no         no         no      no      no     no     | no      no     |
reject: offered           | in     no         no         no      no      no     no     | no      in     |
reject: another offer     | no     no         no         no      no      no     no     | no      no     |
withdraw: no offer        | no     no         no         no      no      no     no     | no      no     |
withdraw: offered         | in     no         no         no      no      no     no     | no      in     |
withdraw: another offer   | no     no         no         no      no      no     no     | no      no     |
"""

TIMERS = """
                        | open      active     asking     wrap-up survey  last   closed | waiting back   |
customer must connect  | CLOSED/in WRAP_UP/in WRAP_UP/in -       x       x      -      | -       -      | customer never connected
reconnect window        | CLOSED/-  WRAP_UP/-  WRAP_UP/-  -       -       -      -      | -       -      | customer lost
open too long           | CLOSED    -          -          -       -       -      -      | -       CLOSED | open too long
chat duration           | CLOSED    WRAP_UP    WRAP_UP    -       -       -      -      | CLOSED  CLOSED | chat duration reached
wrap-up                 | -         -          -          CLOSED  SURVEY  -      -      | -       -      |
survey                  | -         -          -          -       WRAP_UP CLOSED -      | -       -      | agent ended
waiting too long        | -         -          -          -       -       -      -      | CLOSED  -      | waited too long
agent must return       | -         OPEN       OPEN       -       -       -      -      | -       -      | agent lost
agent must come: taken  | OPEN      -          -          -       -       -      -      | -       OPEN   | agent lost
agent must come: given  | -         -          -          -       -       -      -      | -       -      |
opening hours change    | in        -          -          -       -       -      -      | -       in     |
offer must be accepted  | in        -          -          -       -       -      -      | -       in     |
customer silent: remind | in        in         in         -       -       -      -      | in      -      |
customer silent: warn   | in        in         in         -       -       -      -      | in      -      |
customer silent: close  | CLOSED    WRAP_UP    WRAP_UP    -       -       -      -      | CLOSED  -      | customer silent
agent silent: remind    | -         in         in         -       -       -      -      | -       -      |
agent silent: release   | -         OPEN       OPEN       -       -       -      -      | -       -      | released
customer idle           | in        in         in         -       -       -      -      | -       in     |
agent idle              | -         in         in         -       -       -      -      | -       -      |
customer idle too long  | CLOSED    WRAP_UP    SURVEY     -       -       -      -      | -       CLOSED | participant idle
agent idle too long     | -         WRAP_UP    SURVEY     -       -       -      -      | -       -      | participant idle
"""


class Expected(NamedTuple):
    """One cell: what something leads to in a situation."""

    mode: Mode
    situation: str
    what: str
    leads_to: str
    because: EndReason | None


def read(table: str) -> list[Expected]:
    """Every cell of a table that stands for something, for each mode in which its situation can be."""
    heading, *lines = table.strip("\n").splitlines()
    names = heading.replace("|", " ").split()
    assert tuple(names) == (*BOTH, *PARKED)
    return [cell for line in lines for cell in _row(names, line)]


def _row(names: list[str], line: str) -> list[Expected]:
    what, both, parked, why = (part.strip() for part in line.split("|"))
    cells = [*both.split(), *parked.split()]
    because = EndReason(why) if why else None
    return [
        Expected(mode, name, what, cell.split("/")[order] if "/" in cell else cell, because)
        for name, cell in zip(names, cells, strict=True)
        for order, mode in enumerate(Mode)
        if cell != "x" and (name in BOTH or mode is Mode.PERSISTENT)
    ]
