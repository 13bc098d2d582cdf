"""The kinds of callers with tokens of participants, by the names of their columns in the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from api.tokens import TokenKind
from tests.access.caller import CONNECT, SOCKET, Caller, Callers
from tests.access.requests import Target, subject_of
from tests.access.tenants import ALL_ROLES, SAID_LATER, Tenants, bearer
from tests.compat.chats import EVENT, Chat, eventually


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


PARTICIPANTS: Mapping[str, Callers] = {
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
}
