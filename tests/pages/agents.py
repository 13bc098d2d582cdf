"""An agent who answers over HTTP, as the desk does."""

from __future__ import annotations

from typing import Any

import httpx

from tests.compat.chats import eventually

QUEUES = ("live", "persistent", "persistent-survey")

EVENT = "application/vnd.amazonaws.connect.event."


class Agent:
    """An agent who has signed in with the sign-in of the demo."""

    def __init__(self, http: httpx.Client, user: str = "a1", instance: str = "demo") -> None:
        self._http = http
        answer = http.post("/v1/demo/sign-in", json={"instance": instance, "user": user})
        self._headers = {"authorization": f"Bearer {answer.raise_for_status().json()['token']}"}
        # no offers: the chats of other tests wait in the same queues
        self.call("PUT", "/v1/agent/status", {"status": "busy-do-not-disturb"})

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request of the desk."""
        answer = self._http.request(method, path, headers=self._headers, json=body)
        return answer.raise_for_status().json()

    def attempt(self, method: str, path: str) -> bool:
        """Send a request of the desk that may be refused. Return whether it was accepted."""
        return self._http.request(method, path, headers=self._headers).is_success

    def take(self, contact_id: str) -> Participant:
        """Pick a contact from its queue, and join it."""
        eventually(lambda: self._picks(contact_id), "contact in a queue")
        return self.join(contact_id)

    def join(self, contact_id: str) -> Participant:
        """Join a contact that the agent has."""
        details = self.call("POST", f"/v1/agent/contacts/{contact_id}/session")
        return Participant(self._http, details["ParticipantToken"])

    def act(self, contact_id: str, action: str, body: Any = None) -> None:
        """Park, resume, transfer, end or close a contact."""
        self.call("POST", f"/v1/agent/contacts/{contact_id}/{action}", body)

    def finish(self, contact_id: str) -> None:
        """End a contact and its wrap-up."""
        self.act(contact_id, "end")
        self.act(contact_id, "close")

    def leave(self) -> None:
        """Finish all contacts, and go."""
        for contact in self.call("GET", "/v1/agent/contacts")["contacts"]:
            for action in ("end", "close"):
                self.attempt("POST", f"/v1/agent/contacts/{contact['contact_id']}/{action}")
        self.call("PUT", "/v1/agent/status", {"status": "offline"})

    def _picks(self, contact_id: str) -> bool:
        paths = (f"/v1/agent/queues/{queue}/contacts/{contact_id}/pick" for queue in QUEUES)
        return any(self.attempt("POST", path) for path in paths)


class Participant:
    """A participant of a chat, who writes over HTTP alone.

    Args:
        http: a client of the API.
        participant_token: who it is.
        connects: whether the participant counts as connected by this. That of a page already does.
    """

    def __init__(self, http: httpx.Client, participant_token: str, *, connects: bool = True) -> None:
        self._http = http
        body = {"Type": ["WEBSOCKET", "CONNECTION_CREDENTIALS"], "ConnectParticipant": connects}
        answer = self._post("connection", participant_token, body)
        self._token = answer["ConnectionCredentials"]["ConnectionToken"]

    def say(self, content: str, content_type: str = "text/plain") -> str:
        """Send a message, and return its id."""
        body = {"ContentType": content_type, "Content": content}
        return self._post("message", self._token, body)["Id"]

    def event(self, name: str, content: str | None = None) -> None:
        """Send an event, such as `typing`."""
        body = {"ContentType": f"{EVENT}{name}", **({"Content": content} if content else {})}
        self._post("event", self._token, body)

    def said(self) -> list[str]:
        """The texts of people, oldest first."""
        people = ("CUSTOMER", "AGENT")
        items = (item for item in self.transcript() if item["Type"] == "MESSAGE" and item["ParticipantRole"] in people)
        return [item["Content"] for item in items]

    def transcript(self) -> list[Any]:
        """The latest items, oldest first."""
        body = {"MaxResults": 100, "SortOrder": "ASCENDING", "ScanDirection": "BACKWARD"}
        return self._post("transcript", self._token, body)["Transcript"]

    def _post(self, operation: str, token: str, body: Any) -> Any:
        answer = self._http.post(f"/participant/{operation}", headers={"x-amz-bearer": token}, json=body)
        return answer.raise_for_status().json()
