"""The kinds of callers of each plane, by the names of their columns in the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from api.tokens import TokenKind
from configuration.schema.access_keys import KeyRole
from tests.access.requests import Target, public_chat, subject_of
from tests.access.tenants import (
    ALL_ROLES,
    OTHER_TENANT,
    SAID_LATER,
    Headers,
    Tenants,
    bearer,
    provider_token,
    secret_of,
)
from tests.api.token_issuer import ISSUER
from tests.compat.chats import EVENT, Chat, eventually

SOCKET = "GET /participant/websocket"
CONNECT = "POST /participant/connection"


@dataclass(frozen=True)
class Caller:
    """Someone who sends a request.

    Attributes:
        who: for messages of tests.
        headers: how they prove who they are.
        socket_url: the address of their socket, for the operation that is a socket of a participant.
        is_elsewhere: whether their tokens are of another chat.
        body: their request, if that is how they prove who they are; None: as of the others.
    """

    who: str
    target: Target
    headers: Headers = field(default_factory=dict[str, str])
    socket_url: str = ""
    is_elsewhere: bool = False
    body: Any = None


Callers = Callable[[Tenants, str, str], Sequence[Caller]]
"""The callers of one kind for an operation that needs a role."""


def _with(target: Target, credentials: Mapping[str, Headers]) -> list[Caller]:
    return [Caller(who, target, headers) for who, headers in credentials.items()]


def _invalid_keys(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
    target = subject_of(operation, tenants)
    return _with(
        target,
        {
            "without credentials": {},
            "with a wrong secret": bearer("a secret that nobody has"),
            "with a strange scheme": {"authorization": "Basic YWxsOmFsbA=="},
            "with an agent token": tenants.agent("holder"),
            "with a supervisor's token": tenants.agent("supervisor"),
            "with a participant token": bearer(target.chat.participant_token),
            "with a connection token": bearer(target.chat.token),
            "with a participant's header": {"x-amz-bearer": target.chat.token},
        },
    )


def _keys_without_the_role(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
    target = subject_of(operation, tenants)
    return _with(target, {f"key for {other}": bearer(secret_of(other)) for other in KeyRole if other != role})


def _key_of_another_tenant(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
    return _with(subject_of(operation, tenants), {"key of another tenant": bearer(OTHER_TENANT)})


def _key_with_the_role(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
    # a table that was changed, so that it can be shown, changed, deleted and reset
    tenants.send("PUT", "/v1/instances/one/queues/spare", bearer(ALL_ROLES), {})
    target = subject_of(operation, tenants)
    return _with(target, {f"key for {role}": bearer(secret_of(role))})


def _invalid_agents(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
    target = subject_of(operation, tenants)
    tenants.add("removed")
    of_removed = tenants.agent("removed")
    tenants.remove("removed")
    tenants.add("renamed")
    of_earlier = tenants.agent("renamed")
    tenants.remove("renamed")
    tenants.add("renamed")
    return _with(
        target,
        {
            "without credentials": {},
            "with a wrong token": bearer("a.wrong.token"),
            "with an expired token": bearer(tenants.expired(TokenKind.AGENT, "holder", instance="one")),
            "agent who was taken out": of_removed,
            "agent who had the name before": of_earlier,
            "with a participant token": bearer(target.chat.participant_token),
            "with a connection token": bearer(target.chat.token),
            "with an access key": bearer(ALL_ROLES),
        },
    )


def _exchange(target: Target, tokens: Mapping[str, str]) -> list[Caller]:
    bodies = {who: {"instance": "one", "token": token} for who, token in tokens.items()}
    return [Caller(who, target, body=body) for who, body in bodies.items()]


def _invalid_provider_tokens(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
    target = subject_of(operation, tenants)
    tokens = {
        "without a token": "",
        "with an expired token": provider_token("one", "holder", exp=1),
        "with a token for another application": provider_token("one", "holder", aud="another"),
        "with a token of another provider": provider_token("two", "holder", iss=f"{ISSUER}/one"),
        "with an agent token": tenants.agent("holder")["authorization"].removeprefix("Bearer "),
        "with a participant token": target.chat.participant_token,
        "with an access key": ALL_ROLES,
    }
    return _exchange(target, tokens)


def _with_provider_token(instance: str, user: str) -> Callers:
    def callers(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
        return _exchange(subject_of(operation, tenants), {f"{user} of {instance}": provider_token(instance, user)})

    return callers


def _browser(proof: str) -> Callers:
    """A browser that continues an ended chat, with a proof: `own`, `another chat's`, or `none`."""

    def callers(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
        target = Target(tenants, tenants.start(is_known=False))
        tenants.end(target.chat)
        contact = str(uuid4()) if proof == "another chat's" else target.chat.contact_id
        token = tenants.api.tokens().make(TokenKind.CONTINUE, contact, timedelta(minutes=1), instance="one")
        past = {"SourceContactId": target.chat.contact_id, "RehydrationType": "FROM_SEGMENT"}
        proven = {} if proof == "none" else {"ContinuationToken": token}
        return [Caller(proof, target, body=public_chat(target, PersistentChat=past, **proven))]

    return callers


def _agent(user: str, instance: str = "one") -> Callers:
    """An agent, and a chat that another agent has."""

    def callers(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
        return [Caller(user, subject_of(operation, tenants), tenants.agent(user, instance))]

    return callers


def _former_agent(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
    return [Caller("former", Target(tenants, tenants.taken_from("former")), tenants.agent("former"))]


def _offered_agent(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
    chat, offer_id = tenants.offered()
    return [Caller("offered", Target(tenants, chat, offer_id), tenants.agent("offered"))]


def _agent_besides_an_offer(user: str, instance: str = "one") -> Callers:
    """An agent, and a chat that is offered to another one."""

    def callers(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
        chat, offer_id = tenants.offered()
        return [Caller(user, Target(tenants, chat, offer_id), tenants.agent(user, instance))]

    return callers


def _agent_beside_a_queue(user: str, instance: str = "one") -> Callers:
    """An agent, and a chat that waits in a queue."""

    def callers(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
        return [Caller(user, Target(tenants, tenants.waiting()), tenants.agent(user, instance))]

    return callers


@dataclass(frozen=True)
class Seat:
    """All that a participant holds: their tokens, and the URL of a socket that is not open yet."""

    who: str
    chat: Chat
    participant_token: str
    connection_token: str
    socket_url: str

    def caller(self, tenants: Tenants, operation: str) -> Caller:
        token = self.participant_token if operation == CONNECT else self.connection_token
        return Caller(self.who, Target(tenants, self.chat), {"x-amz-bearer": token}, self.socket_url)


def _seat(tenants: Tenants, who: str, chat: Chat, participant_token: str, *, connects: bool = True) -> Seat:
    body = {"Type": ["WEBSOCKET", "CONNECTION_CREDENTIALS"], "ConnectParticipant": connects}
    made = tenants.send("POST", "/participant/connection", {"x-amz-bearer": participant_token}, body)
    token = made["ConnectionCredentials"]["ConnectionToken"]
    return Seat(who, chat, participant_token, token, made["Websocket"]["Url"])


def _customer_seat(tenants: Tenants) -> Seat:
    chat = tenants.given_to("holder")
    tenants.stream_of(chat)  # so the customer can connect as agents do
    return _seat(tenants, "customer", chat, chat.participant_token)


def _agent_seat(tenants: Tenants, user: str) -> Seat:
    chat = tenants.given_to(user)
    joined = tenants.send("POST", f"/v1/agent/contacts/{chat.contact_id}/session", tenants.agent(user))
    return _seat(tenants, user, chat, joined["ParticipantToken"])


def _bot_seat(tenants: Tenants) -> Seat:
    chat = tenants.given_to("holder")
    body = {
        "InstanceId": "one",
        "ContactId": chat.contact_id,
        "ParticipantDetails": {"ParticipantRole": "CUSTOM_BOT", "DisplayName": "Bot"},
    }
    made = tenants.send("POST", "/contact/create-participant", bearer(ALL_ROLES), body)
    return _seat(tenants, "bot", chat, made["ParticipantCredentials"]["ParticipantToken"])


def _silent_seat(tenants: Tenants) -> Seat:
    chat = tenants.given_to("holder")
    body = {"InstanceId": "one", "ContactId": chat.contact_id, "UserId": "supervisor"}
    tenants.send("POST", "/contact/monitor", bearer(ALL_ROLES), body)
    path = f"/v1/agent/contacts/{chat.contact_id}/session"
    return _seat(
        tenants, "supervisor", chat, tenants.send("POST", path, tenants.agent("supervisor"))["ParticipantToken"]
    )


def _invalid_participants(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
    seat = _customer_seat(tenants)
    target, chat = Target(tenants, seat.chat), seat.chat
    other_kind = seat.connection_token if operation == CONNECT else seat.participant_token
    kind = TokenKind.PARTICIPANT if operation == CONNECT else TokenKind.CONNECTION
    expired = tenants.expired(kind, chat.participant_id, chat=chat.contact_id)
    tokens = {
        "with a wrong token": "a.wrong.token",
        "with a token of another kind": other_kind,
        "with an expired token": expired,
        "with an agent token": tenants.agent("holder")["authorization"].removeprefix("Bearer "),
        "with an access key": ALL_ROLES,
    }
    base = seat.socket_url.partition("?")[0]
    used = tenants.used_socket_url(seat.socket_url) if operation == SOCKET else ""
    late = tenants.expired(TokenKind.SOCKET, chat.participant_id, jti=uuid4().hex)
    return [
        Caller("without credentials", target, {}, base),
        *(Caller(who, target, {"x-amz-bearer": token}, f"{base}?token={token}") for who, token in tokens.items()),
        *(
            [Caller("used URL", target, {}, used), Caller("late URL", target, {}, f"{base}?token={late}")]
            if used
            else []
        ),
    ]


def _other_customer(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
    """A customer with a chat of their own: their tokens never name another one."""
    others = [("of the same tenant", tenants.start(said="something else"))]
    others.append(("of another tenant", tenants.start(instance="two", said="something else")))
    target = subject_of(operation, tenants)
    callers: list[Caller] = []
    for who, chat in others:
        own = _seat(tenants, who, chat, chat.participant_token, connects=False).caller(tenants, operation)
        callers.append(Caller(who, target, own.headers, own.socket_url, is_elsewhere=True))
    return callers


def _after(make: Callable[[Tenants], Seat], change: Callable[[Tenants, Seat], None]) -> Callers:
    """A participant after a change of their chat, in which something is said later."""

    def callers(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
        seat = make(tenants)
        change(tenants, seat)
        return [seat.caller(tenants, operation)]

    return callers


def _say_later(tenants: Tenants, seat: Seat) -> None:
    tenants.say(seat.chat, SAID_LATER)


def _end(tenants: Tenants, seat: Seat) -> None:
    _say_later(tenants, seat)
    tenants.end(seat.chat)


def _leave(tenants: Tenants, seat: Seat) -> None:
    tenants.send("POST", "/participant/disconnect", {"x-amz-bearer": seat.connection_token}, {})
    _say_later(tenants, seat)


def _lose_the_chat(tenants: Tenants, seat: Seat) -> None:
    tenants.release(seat.chat, seat.who)
    tenants.give(seat.chat, "holder")
    _say_later(tenants, seat)


def _take_out(tenants: Tenants, seat: Seat) -> None:
    """Take the agent out of the configuration, and wait until processes know it, which takes seconds."""
    tenants.remove("removed")
    body, headers = {"ContentType": EVENT + "typing"}, {"x-amz-bearer": seat.connection_token}

    def is_refused() -> bool:
        return tenants.api.http.post("/participant/event", json=body, headers=headers).status_code == 403

    eventually(is_refused, "refusal of an agent who was taken out")


def _agent_to_be_removed(tenants: Tenants) -> Seat:
    tenants.add("removed")
    return _agent_seat(tenants, "removed")


AGENTS_OF_CONTACTS: Mapping[str, Callers] = {
    "no agent token": _invalid_agents,
    "of another instance": _agent("stranger", "two"),
    "another agent": _agent("other"),
    "gets an offer": _offered_agent,
    "had it before": _former_agent,
    "has it": _agent("holder"),
    "supervisor": _agent("supervisor"),
}

PLANES: Mapping[str, Mapping[str, Callers]] = {
    "Anyone": {"anyone": lambda tenants, operation, role: [Caller("anyone", Target(tenants, tenants.start()))]},
    "Backends": {
        "no key": _invalid_keys,
        "key of another instance": _key_of_another_tenant,
        "key without the role": _keys_without_the_role,
        "key with the role": _key_with_the_role,
    },
    "Identity providers": {
        "no valid token": _invalid_provider_tokens,
        "of another instance": _with_provider_token("two", "stranger"),
        "not configured": _with_provider_token("one", "nobody"),
        "agent": _with_provider_token("one", "holder"),
    },
    "Browsers": {
        "without the proof": _browser("none"),
        "with the proof of another chat": _browser("another chat's"),
        "with the proof": _browser("own"),
    },
    "Agents": AGENTS_OF_CONTACTS,
    "Offers": {
        "no agent token": _invalid_agents,
        "of another instance": _agent_besides_an_offer("stranger", "two"),
        "another agent": _agent_besides_an_offer("other"),
        "gets the offer": _offered_agent,
        "supervisor": _agent_besides_an_offer("supervisor"),
    },
    "Queues": {
        "no agent token": _invalid_agents,
        "of another instance": _agent_beside_a_queue("stranger", "two"),
        "serves other queues": _agent_beside_a_queue("other"),
        "serves the queue": _agent_beside_a_queue("holder"),
        "supervisor": _agent_beside_a_queue("supervisor"),
    },
    "Supervisors": {
        "no agent token": _invalid_agents,
        "agent who has the contact": _agent("holder"),
        "supervisor of another instance": _agent("chief", "two"),
        "supervisor": _agent("supervisor"),
    },
    "Participants": {
        "no valid token": _invalid_participants,
        "another customer": _other_customer,
        "customer": _after(_customer_seat, _say_later),
        "chat ended": _after(_customer_seat, _end),
        "chat deleted": _after(_customer_seat, lambda tenants, seat: tenants.delete(seat.chat)),
        "agent": _after(lambda tenants: _agent_seat(tenants, "holder"), _say_later),
        "agent who left": _after(lambda tenants: _agent_seat(tenants, "former"), _lose_the_chat),
        "agent taken out": _after(_agent_to_be_removed, _take_out),
        "bot": _after(_bot_seat, _say_later),
        "bot that left": _after(_bot_seat, _leave),
        "silent supervisor": _after(_silent_seat, _say_later),
    },
}
"""By the heading above a table, and the head of a column."""
