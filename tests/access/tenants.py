"""A Perennial with two tenants, a key for each role, and agents with different parts in the chats."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

from websockets.sync.client import connect

from api.tokens import TokenKind
from configuration.schema.access_keys import KeyRole
from tests.api.calls import Api
from tests.api.token_issuer import AUDIENCE, ISSUER, claims, public_pem, signed
from tests.compat.chats import Chat, eventually
from tests.stack import TOPIC

Headers = dict[str, str]
T = TypeVar("T")

ALL_ROLES, OTHER_TENANT = "secret-of-all-roles", "secret-of-the-other-tenant"
SAID, SAID_LATER = "a sentence of the customer", "a sentence said later"
HOOK = {"url": "http://127.0.0.1:9/hook", "types": ["survey"]}
WEBHOOK_SECRET = "whsec_" + b64encode(b"a secret of the webhook of one").decode()
WORKSTREAM, OFFERED = "given", "offered"


def secret_of(role: str) -> str:
    return f"secret-of-the-role-{role}"


KEYS_OF_ROLES = "\n".join(
    f'access_keys.{role} = {{ secret = "{secret_of(role)}", instances = ["one"], roles = ["{role}"] }}'
    for role in KeyRole
)


def provider_table(instance: str) -> str:
    """The identity provider of a tenant, with a key of the tenant's name."""
    return f"""
[instances.{instance}.identity_provider]
issuer = "{ISSUER}/{instance}"
audience = "{AUDIENCE}"
[instances.{instance}.identity_provider.keys]
{instance} = '''{public_pem(instance)}'''
"""


def provider_token(instance: str, user: str, **others: Any) -> str:
    """A token of the identity provider of a tenant."""
    return signed(claims(user, **{"iss": f"{ISSUER}/{instance}", **others}), instance)


CONFIGURATION = f"""
access_keys.all = {{ secret = "{ALL_ROLES}" }}
access_keys.stranger = {{ secret = "{OTHER_TENANT}", instances = ["two"] }}
{KEYS_OF_ROLES}
[instances.one.workstreams]
given = {{ mode = "persistent", queue = "given", distribution = "pick", reconnection = {{}} }}
shelf = {{ mode = "persistent", queue = "shelf", distribution = "pick" }}
offered = {{ mode = "persistent", queue = "offered", offer_within = "P1D" }}
[instances.one.queues]
given = {{}}
spare = {{}}
[instances.one.agents]
holder = {{ name = "Holder", queues = ["given", "shelf"], capacity = 1000 }}
former = {{ name = "Former", queues = ["given"], capacity = 1000 }}
offered = {{ name = "Offered", queues = ["offered"], capacity = 1000 }}
other = {{ name = "Other", queues = ["spare"] }}
removed = {{ name = "Removed", queues = [] }}
supervisor = {{ name = "Supervisor", queues = [], supervisor = true }}
[instances.one.webhooks]
hook = {{ url = "http://127.0.0.1:9/hook", secrets = ["{WEBHOOK_SECRET}"], types = ["survey"] }}
[instances.one.topics]
"{TOPIC}" = "http://127.0.0.1:9/sns"
[instances.one.chat_pages]
workstreams = ["given"]
[instances.two.workstreams]
given = {{ mode = "persistent", queue = "given", distribution = "pick" }}
[instances.two.queues]
given = {{}}
[instances.two.agents]
stranger = {{ name = "Stranger" }}
chief = {{ name = "Chief", supervisor = true }}
{provider_table("one")}
{provider_table("two")}
"""


def bearer(secret: str) -> Headers:
    return {"authorization": f"Bearer {secret}"}


class Tenants:
    """Chats of tenant `one`, and what callers of both send."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._tokens: dict[str, str] = {}
        self._customers: dict[str, str] = {}
        self._attachments: dict[str, str] = {}
        self._kept: dict[object, Any] = {}

    def kept(self, key: object, make: Callable[[], T]) -> T:
        """What was made for a key the first time."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def send(self, method: str, path: str, headers: Headers, body: Any = None) -> Any:
        """Send a request that must succeed, and return the body of its response."""
        return self.api.http.request(method, path, headers=headers, json=body).raise_for_status().json()

    def webhook_of_backend(self) -> str:
        """A webhook of tenant `one` that a backend has created. Returns its name."""
        self.send("PUT", "/v1/instances/one/webhooks/made", bearer(ALL_ROLES), HOOK)
        return "made"

    def start(
        self,
        workstream: str = WORKSTREAM,
        instance: str = "one",
        said: str = SAID,
        customer: str | None = None,
        is_known: bool = True,
    ) -> Chat:
        """Start a chat in which the customer has said something. Without `customer` it is a new one.

        `is_known`: whether the backend says who the customer is.
        """
        customer = customer or f"customer-{uuid4()}"
        body = {
            "InstanceId": instance,
            "ContactFlowId": workstream,
            "ParticipantDetails": {"DisplayName": customer},
            **({"CustomerId": customer} if is_known else {}),
            "Attributes": {"customer": customer},
            "ConnectionTypes": ["CONNECTION_CREDENTIALS"],
        }
        started = self.send("PUT", "/contact/chat", bearer(ALL_ROLES), body)
        token = started["ConnectionCredentials"]["ConnectionToken"]
        chat = Chat(started["ContactId"], started["ParticipantId"], started["ParticipantToken"], token)
        self._customers[chat.contact_id] = customer
        self.say(chat, said)
        self._attachments[chat.contact_id] = self._attach(chat)
        return chat

    def attachment_of(self, chat: Chat) -> str:
        """The id of the file that the customer of a chat has sent."""
        return self._attachments[chat.contact_id]

    def stream_of(self, chat: Chat) -> str:
        """The id of the stream of a chat."""
        body = {"InstanceId": "one", "ContactId": chat.contact_id, "ClientToken": "stream"}
        topic = {"ChatStreamingConfiguration": {"StreamingEndpointArn": TOPIC}}
        return self.send("POST", "/contact/start-streaming", bearer(ALL_ROLES), {**body, **topic})["StreamingId"]

    def _attach(self, chat: Chat) -> str:
        members = {"AttachmentName": "bees.txt", "AttachmentSizeInBytes": 4, "ContentType": "text/plain"}
        headers = {"x-amz-bearer": chat.token}
        path = "/participant/start-attachment-upload"
        started = self.send("POST", path, headers, {**members, "ClientToken": "1"})
        self.api.http.put(started["UploadMetadata"]["Url"], content=b"bees").raise_for_status()
        body = {"AttachmentIds": [started["AttachmentId"]], "ClientToken": "1"}
        self.send("POST", "/participant/complete-attachment-upload", headers, body)
        return started["AttachmentId"]

    def customer_of(self, chat: Chat) -> str:
        """The `CustomerId` of a chat, which is also the name of the customer."""
        return self._customers[chat.contact_id]

    def say(self, chat: Chat, text: str) -> None:
        body = {"ContentType": "text/plain", "Content": text}
        self.send("POST", "/participant/message", {"x-amz-bearer": chat.token}, body)

    def given_to(self, user: str) -> Chat:
        """A chat with an agent, who has written a note."""
        chat = self.start()
        self.give(chat, user)
        self.send("POST", f"/v1/agent/contacts/{chat.contact_id}/notes", self.agent(user), {"text": SAID})
        return chat

    def waiting(self) -> Chat:
        """A chat that waits in the queue `shelf`."""
        chat = self.start("shelf")

        def is_listed() -> bool:
            found = self.send("GET", "/v1/agent/queues/shelf", self.agent("holder"))["contacts"]
            return chat.contact_id in (each["contact_id"] for each in found)

        eventually(is_listed, "place in the queue")
        return chat

    def give(self, chat: Chat, user: str) -> None:
        self.send("POST", f"/contacts/one/{chat.contact_id}/associate-user", bearer(ALL_ROLES), {"UserId": user})

    def taken_from(self, user: str) -> Chat:
        """A chat that an agent has had, and another one has now."""
        chat = self.given_to(user)
        self.release(chat, user)
        self.give(chat, "holder")
        return chat

    def offered(self) -> tuple[Chat, str]:
        """A chat that is offered to the agent `offered`, and the id of the offer."""
        self.send("PUT", "/v1/agent/status", self.agent("offered"), {"status": "available"})
        chat = self.start(OFFERED)

        def offer() -> str | None:
            found = self.send("GET", "/v1/agent/offers", self.agent("offered"))["offers"]
            return next((each["offer_id"] for each in found if each["contact_id"] == chat.contact_id), None)

        return chat, eventually(offer, "offer")

    def in_wrap_up(self) -> Chat:
        """A chat that has ended, and that its agent `holder` has not closed."""
        chat = self.given_to("holder")
        self.end(chat)
        return chat

    def parked(self) -> Chat:
        """A chat that its agent `holder` has parked."""
        chat = self.given_to("holder")
        self.send("POST", f"/v1/agent/contacts/{chat.contact_id}/park", self.agent("holder"))
        return chat

    def release(self, chat: Chat, user: str) -> None:
        self.send("POST", f"/v1/agent/contacts/{chat.contact_id}/release", self.agent(user))

    def transcript(self, chat: Chat) -> Any:
        """All that was said in the chat. None: it was deleted."""
        path = f"/v1/contacts/{chat.contact_id}/transcript?instance=one"
        response = self.api.http.get(path, headers=bearer(ALL_ROLES))
        return response.json()["Transcript"] if response.is_success else None

    def end(self, chat: Chat) -> None:
        self.send("POST", "/contact/stop", bearer(ALL_ROLES), {"InstanceId": "one", "ContactId": chat.contact_id})

    def delete(self, chat: Chat) -> None:
        self.send("DELETE", f"/v1/instances/one/conversations/{chat.contact_id}", bearer(ALL_ROLES))

    def agent(self, user: str, instance: str = "one") -> Headers:
        """What an agent sends. They sign in once."""
        if user not in self._tokens:
            body = {"instance": instance, "user": user}
            self._tokens[user] = self.send("POST", "/v1/agents/sign-in", bearer(ALL_ROLES), body)["token"]
        return bearer(self._tokens[user])

    def remove(self, user: str) -> None:
        """Take an agent out of the configuration."""
        self.send("DELETE", f"/v1/instances/one/agents/{user}", bearer(ALL_ROLES))

    def add(self, user: str) -> None:
        """Configure an agent, anew if there was one of the name, who has signed in."""
        self._tokens.pop(user, None)
        self.send("PUT", f"/v1/instances/one/agents/{user}", bearer(ALL_ROLES), {"name": user, "queues": []})
        self.agent(user)

    def used_socket_url(self, url: str) -> str:
        """The URL, which is used with this."""
        with connect(url):
            return url

    def expired(self, kind: TokenKind, subject: str, **claims: str) -> str:
        """A token of this Perennial that has expired."""
        return self.api.tokens().make(kind, subject, timedelta(seconds=-1), **claims)
