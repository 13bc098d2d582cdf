"""Hypothesis strategies for conversations: random policies, and random sequences of events with pauses."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import product
from typing import Any, NamedTuple

from hypothesis import strategies as st

from domain.conversation import Mode
from domain.events import (
    AcceptOffer,
    AnyEvent,
    Assign,
    Barge,
    Close,
    Configure,
    Connect,
    Disconnect,
    End,
    Invite,
    Leave,
    MakeOffer,
    Message,
    OpeningHours,
    Park,
    QueuePosition,
    RejectOffer,
    Release,
    Resume,
    TimerSetting,
    Transfer,
    WithdrawOffer,
)
from domain.participants import ParticipantTimer, Role
from domain.policy import AutomatedMessages, IdleAction, IdleRule, SameAgent, Survey
from tests.workflows.simulated_chat import START, SURVEY
from workflows.state import derived_id


class Step(NamedTuple):
    """One event after a pause, or only the pause."""

    event: AnyEvent | None
    pause: timedelta
    delay: timedelta | None
    """Time since the sender saw the event, or None without a time from the sender. Negative for a sender whose clock is ahead."""
    batched: bool
    """Whether the event belongs to the same batch as the previous one, without a write between them."""


class HoursAnswer(NamedTuple):
    """An answer to a question for opening hours, and how long it is valid (None: for ever)."""

    open: bool
    valid_for: timedelta | None
    holiday: bool = False


MINUTE = timedelta(minutes=1)
USERS = ("a1", "a2", "a3")
BOTS = ("b1", "b2")
QUEUES = ("q", "q2")

_PAUSES = [MINUTE * n for n in (*(6 * [0, 1 / 60_000, 1 / 60]), *(4 * [1, 3]), *(2 * [5, 10]), 20, 60, 1_440, 43_200)]
_DELAYS = [None, None, None, *(MINUTE * n for n in (1 / 60_000, 1 / 60, 1, 5, 60, -1)), 43_200 * MINUTE]
_SETTINGS = [
    TimerSetting(role=role, kind=kind, limit=limit)
    for role in (Role.CUSTOMER, Role.AGENT)
    for kind in ParticipantTimer
    for limit in (2 * MINUTE, 10 * MINUTE, None)
]


def agent_id(conversation: str, user: str) -> str:
    """The participant id of an agent."""
    return derived_id(conversation, f"agent/{user}")


def offers(conversation: str) -> list[MakeOffer]:
    """Offers to each agent. Their deadlines count from `START`; see `with_current_deadline`."""
    limits = (MINUTE / 2, 2 * MINUTE, 90 * MINUTE)
    return [
        MakeOffer(offer_id=f"{conversation}/o{n}{user}", user=user, name=user, until=START + limit)
        for n, limit in enumerate(limits)
        for user in USERS
    ]


def with_current_deadline(event: AnyEvent, now: datetime) -> AnyEvent:
    """Return the event; the deadline of an offer counts from `now` instead of `START`."""
    return event.model_copy(update={"until": now + (event.until - START)}) if isinstance(event, MakeOffer) else event


def all_events(conversation: str) -> list[AnyEvent]:
    """The events to draw from. An event that is listed several times is drawn more often."""
    agents = [agent_id(conversation, user) for user in USERS]
    made_offers = offers(conversation)
    participants = ["customer", "agent", *BOTS]
    actors = [*participants, *agents, "kim", "stranger"]
    accepted = [
        Message(id=f"{conversation}/m{n}", by=by, content=content, role=role, name="Somebody")
        for n, (by, role) in enumerate(3 * [("customer", Role.CUSTOMER), *((agent, Role.AGENT) for agent in agents)])
        for content in ("good", "2")[n % 2 :][:1]
    ]
    contacts = [conversation, *(f"{conversation}/t{n}" for n in range(4))]
    return [
        *(2 * [Connect(by=by) for by in participants]),
        *(Connect(by=by) for by in actors),
        *(2 * [Disconnect(by=by) for by in participants]),
        *(Disconnect(by=by) for by in actors),
        *(5 * [Assign(user=user, name=user) for user in USERS]),
        *(3 * made_offers),
        *(3 * [AcceptOffer(offer_id=offer.offer_id, by=offer.user) for offer in made_offers]),
        *(RejectOffer(offer_id=offer.offer_id, by=offer.user) for offer in made_offers),
        *(WithdrawOffer(offer_id=offer.offer_id) for offer in made_offers),
        *(2 * accepted),
        *(3 * [Message(by=by, content="Good") for by in participants]),
        *(Message(by=by, content="1") for by in (*actors, "system")),
        *(Transfer(contact_id=f"{conversation}/t{n}", queue=queue) for n in range(4) for queue in QUEUES),
        *(Transfer(contact_id=f"{conversation}/u{n}", queue="q", user=user, name=user) for n in range(2) for user in USERS),
        *(Transfer(contact_id=f"{conversation}/v", queue="q", by=by) for by in actors),
        *(4 * [Release(), Park(), Park(), Resume()]),
        *(action(by=by) for action in (Release, Park, Resume) for by in actors),
        *(Resume(by="kim", user=user, name=user) for user in USERS),
        *(3 * [Invite(participant_id=bot, name="Bot") for bot in BOTS]),
        *(Invite(participant_id=id, name="Bot") for id in ("customer", f"{conversation}-customer")),
        *(Invite(participant_id=id, name="Bot") for id in ("b3", "b4", "b5", "b6")),
        *(2 * [Barge(participant_id="s1", contact_id=contact, user="s1", name="S1") for contact in contacts]),
        *(Leave(by="s1"), Message(by="s1", content="May I?")),
        *(3 * [Leave(by=bot) for bot in BOTS]),
        *(Leave(by=by) for by in actors),
        *(3 * [End(by="agent"), End(by="customer")]),
        *(End(by=by) for by in actors),
        *(4 * [Close()]),
        *(Close(by=by) for by in actors),
        *(2 * [Configure(timers=(setting,)) for setting in _SETTINGS]),
        Configure(timers=tuple(_SETTINGS[::3])),
        *(QueuePosition(position=n, average_wait=wait) for n in (1, 2, 5) for wait in (None, MINUTE / 2, 7 * MINUTE)),
        *(OpeningHours(queue=queue, open=open) for queue in QUEUES for open in (True, False)),
    ]  # fmt: skip


def first_events(conversation: str) -> list[tuple[AnyEvent, ...]]:
    """Beginnings of a conversation, so that random events also reach its later states."""
    connected = (Connect(by="customer"),)
    offer = offers(conversation)[3]
    offered, accepted = (*connected, offer), (*connected, offer, AcceptOffer(offer_id=offer.offer_id, by=offer.user))
    active = (*connected, Assign(user="a1", name="a1"), Connect(by="agent"))
    answered = (*active, Message(by="customer", content="Hello?"), Message(by="agent", content="Hello"))
    return [
        (),
        connected,
        (*connected, Invite(participant_id="b1", name="Bot")),
        offered,
        accepted,
        active,
        answered,
        (*active, Configure(timers=tuple(_SETTINGS[::3]))),
        (*answered, Disconnect(by="customer")),
        (*answered, Disconnect(by="agent")),
        (*answered, Park()),
        (*answered, Park(), Message(by="customer", content="Again")),
        (*active, End(by="agent")),
        (*active, End(by="agent"), Close()),
        (*active, Release()),
        (*active, Release(), offer),
        (*answered, Park(), Message(by="customer", content="Again"), offer),
        (*active, Transfer(contact_id=f"{conversation}/t0", queue="q2")),
    ]


def _chain(silent: str, *steps: tuple[int, IdleAction]) -> tuple[IdleRule, ...]:
    return tuple(
        IdleRule.model_validate(
            {"silent": silent, "after": minutes * MINUTE, "action": action, "text": f"{action}, {{AgentName}}"}
        )
        for minutes, action in steps
    )


_CUSTOMER = _chain("customer", (2, IdleAction.REMIND), (4, IdleAction.WARN), (9, IdleAction.CLOSE))
_AGENT = _chain("agent", (1, IdleAction.REMIND), (3, IdleAction.RELEASE))
_TEXTS = AutomatedMessages(
    **{name: f"{name} {{AgentName}} {{QueueName}} {{PeopleAhead}}" for name in AutomatedMessages.model_fields}
)
_NO_LIMITS = dict.fromkeys(
    ("connect_within", "reconnect_window", "open_age", "waiting_period", "duration", "agent_grace", "assigned_within")
)
_SHORT_LIMITS = {name: (n + 2) * MINUTE for n, name in enumerate(_NO_LIMITS)}


def _limits(mode: Mode) -> st.SearchStrategy[dict[str, Any]]:
    keep = {"reconnect_window": None} if mode is Mode.PERSISTENT else {}
    return st.sampled_from([{}, {}, {**_NO_LIMITS}, {**_SHORT_LIMITS, **keep, "wrap_up": 7 * MINUTE}])


def policies(mode: Mode) -> st.SearchStrategy[dict[str, Any]]:
    """Random changes to the defaults of the mode."""
    others = st.fixed_dictionaries(
        {
            "survey": st.sampled_from(
                [None, SURVEY, Survey(), Survey(questions=SURVEY.questions[:1], thanks="Thanks")]
            ),
            "customer_may_end": st.booleans(),
            "texts": st.sampled_from([AutomatedMessages(), _TEXTS]),
            "idle_rules": st.sampled_from([(), _CUSTOMER, _AGENT, (*_CUSTOMER, *_AGENT), _CUSTOMER[:1], _AGENT[:1]]),
            "hours": st.booleans(),
            "auto_accept": st.sampled_from([False, False, True]),
            "same_agent": st.sampled_from(SameAgent),
            "wrap_up_holds": st.sampled_from([None, 0 * MINUTE, 5 * MINUTE]),
            "archive": st.booleans(),
        }
    )
    return st.tuples(_limits(mode), others).map(lambda both: {**both[0], **both[1]})


hours_answers = st.lists(
    st.builds(
        HoursAnswer, st.booleans(), st.sampled_from([None, 5 * MINUTE, 60 * MINUTE, 4_320 * MINUTE]), st.booleans()
    ),
    min_size=1,
    max_size=3,
)


def steps(conversation: str, shortest: int = 10, longest: int = 30) -> st.SearchStrategy[list[Step]]:
    """Sequences of steps for a conversation of this id."""
    drawn_event = st.sampled_from([*all_events(conversation), *(40 * [None])])
    when = st.sampled_from(list(product(_PAUSES, _DELAYS, (False, True))))
    step = st.tuples(drawn_event, when).map(lambda drawn: Step(drawn[0], *drawn[1]))
    begun = [
        [Step(event, timedelta(seconds=1), None, False) for event in events] for events in first_events(conversation)
    ]
    more = st.lists(step, min_size=shortest, max_size=longest)
    return st.tuples(st.sampled_from(begun), more).map(lambda drawn: [*drawn[0], *drawn[1]])
