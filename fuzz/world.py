"""What exists in the Perennial under fuzzing: chats, ids and tokens of two tenants, made anew while requests end them."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Mapping
from random import Random
from typing import Any

from fuzz.exchange import Received, exchange, request_bytes
from fuzz.product import HOST
from fuzz.settings import AGENTS, FOREIGN, INSTANCE, WORKSTREAMS, secret_of

KEPT = 12
"""So many of the latest ids and tokens of each kind are used."""

MARK = "mark-of-the-foreign-tenant"
"""What everybody in the chats of the other tenant says. No other tenant may read it."""

NAMES = {
    "instance": ("instance", "instanceid"),
    "contact": ("contactid", "initialcontactid", "sourcecontactid", "relatedcontactid", "previouscontactid"),
    "workstream": ("contactflowid", "workstream"),
    "queue": ("queueid", "queue"),
    "user": ("userid", "user", "agentid", "agent"),
    "participant": ("participantid",),
    "offer": ("offerid",),
    "customer": ("customerid",),
    "page": ("nexttoken",),
    "link": ("reconnectid",),
}
"""The kinds of ids, with the names of members and parameters that hold one, without underscores and in lower case."""

_KIND_OF = {name: kind for kind, names in NAMES.items() for name in names}

WORDS = {
    "kind": ("workstreams", "queues", "agents", "hours"),
    "name": ("live", "persistent", "survey", "closed", "office", "a1", "a2", "spare", "other-spare"),
    "action": ("park", "release", "resume", "end", "close"),
    "agentstatusid": ("available", "away", "offline"),
    "contenttype": (
        *("text/plain", "text/markdown", "application/json", "application/vnd.amazonaws.connect.event.typing"),
        *(
            "application/vnd.amazonaws.connect.event.message.read",
            "application/vnd.amazonaws.connect.event.message.delivered",
        ),
    ),
    "metric": ("POSITION_IN_QUEUE", "ESTIMATED_WAIT_TIME"),
}
"""Words that are valid where the description does not say so."""


class NotMade(Exception):
    """A valid request of the fuzzer itself is refused."""


class World:
    """The things that requests are about."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.host = f"{HOST}:{port}"
        self._ids: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._tokens: defaultdict[tuple[str, str], deque[str]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._number = 0

    def known(self, name: str, random: Random) -> str | None:
        """A value that exists, existed, belongs to another tenant, or never existed, by the name of its member."""
        plain = name.replace("_", "").lower()
        if plain in WORDS:
            return random.choice(WORDS[plain])
        kind = _KIND_OF.get(plain)
        if kind is None or random.random() < 0.05:
            return None
        tenant = FOREIGN if random.random() < 0.1 else INSTANCE
        found = self._ids[f"{tenant} {kind}"]
        return random.choice(found) if found else f"never-{random.randrange(100)}"

    def chats(self, random: Random) -> str:
        """The id of a conversation, which is that of its first contact."""
        return random.choice(self._ids[f"{INSTANCE} contact"])

    def token(self, kind: str, random: Random, tenant: str = INSTANCE) -> str:
        """A valid token of a kind, unless what it is for has ended."""
        return random.choice(self._tokens[kind, tenant])

    async def renew(self) -> None:
        """Undo the changes of the configuration, sign the agents in, and start a chat of each sort.

        Raises:
            NotMade: one of these requests is refused.
        """
        for tenant in (INSTANCE, FOREIGN):
            await self._reset(tenant)
            self._ids[f"{tenant} instance"].append(tenant)
            self._ids[f"{tenant} queue"].extend((*WORKSTREAMS, "closed"))
            self._ids[f"{tenant} workstream"].extend(WORKSTREAMS)
            for user in AGENTS:
                await self._sign_in(tenant, user)
            for workstream in WORKSTREAMS:
                await self._start_chat(tenant, workstream)
            offers = await self._as_agent("GET", "/v1/agent/offers", tenant)
            self._ids[f"{tenant} offer"].extend(each["offer_id"] for each in offers["offers"])

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """Send a valid request, and return its answer.

        Raises:
            NotMade: it is refused.
        """
        received = await self._call(method, path, body, headers)
        if received.status != 200:
            raise NotMade(f"{method} {path}: {received.status} {received.body.decode(errors='replace')}")
        return json.loads(received.body)

    async def as_backend(self, method: str, path: str, body: object = None, tenant: str = "") -> Any:
        """Send a valid request with the key of a tenant, or of all. See `call`."""
        return await self.call(method, path, body, authorization=f"Bearer {secret_of(tenant)}")

    async def connect(self, participant_token: str) -> Any:
        """Create a connection of a participant. See `call`."""
        kinds = {"Type": ["WEBSOCKET", "CONNECTION_CREDENTIALS"]}
        return await self.call("POST", "/participant/connection", kinds, **{"x-amz-bearer": participant_token})

    async def _call(self, method: str, path: str, body: object, headers: Mapping[str, str]) -> Received:
        data = b"" if body is None else json.dumps(body).encode()
        return await exchange(self.port, request_bytes(method, path, {"host": self.host, **headers}, data))

    async def _reset(self, tenant: str) -> None:
        """Undo the changes one by one: some are valid only with others."""
        found: Any = {"changes": []}
        for _ in range(3):
            found = await self.as_backend("GET", f"/v1/instances/{tenant}")
            for change in found["changes"]:
                path = f"/v1/instances/{tenant}/{change['kind']}/{change['name']}/reset"
                await self._call("POST", path, None, {"authorization": f"Bearer {secret_of('')}"})
            if not found["changes"]:
                return
        raise NotMade(f"the changes of {tenant} cannot be undone: {found['changes']}")

    async def _sign_in(self, tenant: str, user: str) -> None:
        signed_in = await self.as_backend("POST", "/v1/agents/sign-in", {"instance": tenant, "user": user})
        self._tokens["agent token", tenant].append(signed_in["token"])
        self._ids[f"{tenant} user"].append(user)
        if user == AGENTS[0]:
            bearer = {"authorization": f"Bearer {signed_in['token']}"}
            await self.call("PUT", "/v1/agent/status", {"status": "available"}, **bearer)

    async def _as_agent(self, method: str, path: str, tenant: str) -> Any:
        token = self._tokens["agent token", tenant][-len(AGENTS)]
        return await self.call(method, path, None, authorization=f"Bearer {token}")

    async def _start_chat(self, tenant: str, workstream: str) -> None:
        self._number += 1
        customer = f"{tenant}-customer-{self._number}"
        words = MARK if tenant == FOREIGN else "hello"
        chat = await self.as_backend(
            "PUT",
            "/contact/chat",
            {
                "InstanceId": tenant,
                "ContactFlowId": workstream,
                "ParticipantDetails": {"DisplayName": words},
                "InitialMessage": {"ContentType": "text/plain", "Content": words},
                "Attributes": {"topic": words},
                "CustomerId": customer,
            },
        )
        connection = await self.connect(chat["ParticipantToken"])
        token = connection["ConnectionCredentials"]["ConnectionToken"]
        page = await self.call("POST", "/participant/transcript", {"MaxResults": 1}, **{"x-amz-bearer": token})
        for kind, id in (
            ("contact", chat["ContactId"]),
            ("participant", chat["ParticipantId"]),
            ("customer", customer),
            ("page", page.get("NextToken") or "none"),
        ):
            self._ids[f"{tenant} {kind}"].append(id)
        self._tokens["participant token", tenant].append(chat["ParticipantToken"])
        self._tokens["connection token", tenant].append(token)
        path = f"/v1/contacts/{chat['ContactId']}/reconnect-link"
        link = await self.as_backend("POST", path, {"instance": tenant}) if workstream != "survey" else {}
        if link:
            self._ids[f"{tenant} link"].append(link.get("reconnect_id", "none"))
        if workstream == WORKSTREAMS[1]:
            await self.as_backend(
                "POST", f"/contacts/{tenant}/{chat['ContactId']}/associate-user", {"UserId": AGENTS[0]}
            )
