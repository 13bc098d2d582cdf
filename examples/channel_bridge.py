"""A bridge between a channel of texts, such as SMS, and chats. It hears the chats by message streaming (docs/streaming.md).

    python examples/channel_bridge.py 9000 whsec_... https://provider.example.org/messages

The provider posts what people write to /texts, as {"from": "+43 1", "text": "..."}, and gets what they are to read in the same
form, with "to". Perennial posts the items of the chats to /items. A real bridge keeps `people` and `seen` in a database.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from urllib.request import Request, urlopen

import boto3
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

PORT, SECRET, PROVIDER = int(sys.argv[1]), sys.argv[2], sys.argv[3]
TOPIC = os.environ.get("TOPIC", "arn:aws:sns:us-east-1:123456789012:chat")
ENDED = "application/vnd.amazonaws.connect.event.chat.ended"

where = {
    "endpoint_url": os.environ.get("AWS_ENDPOINT_URL", "http://127.0.0.1:8080"),
    "region_name": "local",
    "aws_access_key_id": "perennial",
    "aws_secret_access_key": "perennial-demo-secret",
}
connect = boto3.client("connect", **where)
participant = boto3.client("connectparticipant", **where)

lock = Lock()
tokens: dict[str, str] = {}
"""By their numbers, the connection tokens of the people who have a chat."""
people: dict[str, str] = {}
"""By the chats, the numbers of the people."""
seen: set[str] = set()
"""The items that were passed on: one can come twice."""


def start_chat(number: str) -> str:
    """Start a chat that is streamed to this bridge. Returns the connection token of the customer."""
    chat = connect.start_chat_contact(
        InstanceId="demo",
        ContactFlowId="live",
        ParticipantDetails={"DisplayName": number},
        ChatStreamingConfiguration={"StreamingEndpointArn": TOPIC},
    )
    connection = participant.create_participant_connection(
        ParticipantToken=chat["ParticipantToken"], Type=["CONNECTION_CREDENTIALS"], ConnectParticipant=True
    )
    people[chat["ContactId"]] = number
    tokens[number] = connection["ConnectionCredentials"]["ConnectionToken"]
    return tokens[number]


def take_text(number: str, text: str) -> None:
    """Pass on what a person has written. STOP ends their chat."""
    if text == "STOP":
        if number in tokens:
            participant.disconnect_participant(ConnectionToken=tokens[number])
        return
    token = tokens.get(number) or start_chat(number)
    participant.send_message(ConnectionToken=token, ContentType="text/plain", Content=text)


def take_item(item: dict[str, str], attributes: dict[str, dict[str, str]]) -> None:
    """Pass on what others have written in a chat, and its end."""
    number = people.get(item["InitialContactId"])
    if number is None:
        return
    is_for_customer = attributes["MessageVisibility"]["Value"] in ("CUSTOMER", "ALL")
    if item["Type"] == "MESSAGE" and item["ParticipantRole"] != "CUSTOMER" and is_for_customer:
        tell(number, item["Content"])
    elif item["ContentType"] == ENDED:
        tell(number, "The chat has ended. Write again to start another one.")
        del people[item["InitialContactId"]], tokens[number]


def tell(number: str, text: str) -> None:
    """Have the provider send a text to a person. An error makes Perennial send the item again."""
    body = json.dumps({"to": number, "text": text}).encode()
    urlopen(Request(PROVIDER, body, {"content-type": "application/json"}), timeout=10).close()


class Bridge(BaseHTTPRequestHandler):
    """Both sides of the bridge."""

    def do_POST(self) -> None:
        """Take a text of the provider, or an item of a chat. Items are verified; a provider has its own way to sign."""
        body = self.rfile.read(int(self.headers["content-length"]))
        with lock:
            self.send_response(self.take_item(body) if self.path == "/items" else self.take_text(body))
        self.end_headers()

    def take_item(self, body: bytes) -> int:
        """Return the status for an item."""
        try:
            notification = Webhook(SECRET).verify(body, dict(self.headers))
        except WebhookVerificationError:
            return 401
        if notification["MessageId"] not in seen:
            take_item(json.loads(notification["Message"]), notification["MessageAttributes"])
            seen.add(notification["MessageId"])
        return 204

    def take_text(self, body: bytes) -> int:
        """Return the status for a text."""
        text = json.loads(body)
        take_text(text["from"], text["text"])
        return 204


ThreadingHTTPServer(("127.0.0.1", PORT), Bridge).serve_forever()
