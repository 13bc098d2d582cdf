"""How a conversation is to be treated: a workstream's policy, and the defaults of the two modes."""

from __future__ import annotations

from datetime import timedelta

from workflows.survey import Survey
from workflows.values import Mode, Value


class Texts(Value):
    """A workstream's automated messages; `None` switches one off."""

    customer_disconnected: str | None = "The customer has disconnected."


class Policy(Value):
    """How a conversation is to be treated, fixed when it starts. All limits are durations; `None` means never."""

    mode: Mode
    connect_within: timedelta | None = timedelta(minutes=5)
    reconnect_window: timedelta | None = timedelta(minutes=3)
    open_age: timedelta | None = timedelta(minutes=20)
    wrap_up: timedelta = timedelta(minutes=15)
    duration: timedelta | None = timedelta(hours=25)
    customer_may_end: bool = True
    texts: Texts = Texts()
    survey: Survey | None = None
    archive: bool = False
    """Whether contacts that have ended become files. Off for conversations that began before there were any."""
    interactive: bool = False
    """Whether the customer's client shows interactive messages."""


DEFAULTS = {
    Mode.LIVE: Policy(mode=Mode.LIVE),
    Mode.PERSISTENT: Policy(
        mode=Mode.PERSISTENT,
        reconnect_window=None,
        open_age=timedelta(days=30),
        wrap_up=timedelta(days=1),
        duration=None,
        customer_may_end=False,
    ),
}
"""What a workstream gets where it says nothing itself (Dynamics 365 automatic closure; chat duration as on Connect)."""
