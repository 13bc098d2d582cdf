"""The feed over HTTP: pages, waiting, streams, and who may read it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.api.calls import Api, assert_refused
from tests.compat.chats import Chat, join_as_agent
from tests.stack import SECRET

Event = dict[str, Any]
BEARER = {"authorization": f"Bearer {SECRET}"}


def get_events(
    api: Api, *, secret: str = SECRET, headers: dict[str, str] | None = None, **query: Any
) -> httpx.Response:
    sent = {"authorization": f"Bearer {secret}", **(headers or {})}
    return api.http.get("/v1/events", params={"instance": "demo", **query}, headers=sent)


def page(api: Api, **query: Any) -> dict[str, Any]:
    return get_events(api, **query).raise_for_status().json()


def end_of_feed(api: Api) -> str:
    """The position after which the next event comes."""
    position = page(api, limit=1)["next"]
    while (found := page(api, after=position, limit=1_000))["next"] != position:
        position = found["next"]
    return position


def events_of(api: Api, chat: Chat, position: str, **query: Any) -> list[Event]:
    """All events of a chat after a position, read in small pages."""
    found: list[Event] = []
    while (answer := page(api, after=position, limit=3, **query))["next"] != position:
        found += [event for event in answer["events"] if event["conversation"] == chat.contact_id]
        position = answer["next"]
    return found


def send_message(api: Api, chat: Chat, text: str) -> str:
    body = {"ContentType": "text/plain", "Content": text}
    return api.send("SendMessage", body, chat=chat).raise_for_status().json()["Id"]


def test_life_of_a_chat_is_told_in_order(api: Api) -> None:
    position = end_of_feed(api)
    chat = api.start("live")
    sent = send_message(api, chat, "Grüße")
    join_as_agent(api.stack, api.stack.connect(), api.stack.participant(), chat)
    api.end(chat)
    events = events_of(api, chat, position)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    types = [event["type"] for event in events]
    wanted = [
        *("contact.initiated", "contact.queued", "contact.connected", "message.created"),
        *("contact.accepted", "contact.agent_joined", "contact.disconnected"),
    ]
    assert [kind for kind in types if kind in wanted] == wanted
    message = next(event for event in events if event["type"] == "message.created")
    assert message["id"] == sent
    assert message["source"] == "/instances/demo"
    assert message["subject"] == chat.contact_id
    assert message["data"] == {
        "participant_id": chat.participant_id,
        "role": "CUSTOMER",
        "content_type": "text/plain",
    }
    assert "Grüße" not in json.dumps(events, ensure_ascii=False)


def test_text_is_there_for_those_who_ask_for_it(api: Api) -> None:
    position = end_of_feed(api)
    chat = api.start()
    send_message(api, chat, "Grüße")
    [message] = page(api, after=position, types="message", content=True, wait=20)["events"]
    assert message["data"]["content"] == "Grüße"
    assert message["data"]["display_name"] == "Ada"


def test_request_waits_for_an_event(api: Api, chat: Chat) -> None:
    position = end_of_feed(api)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(page, api, after=position, types="message", wait=20)
        sent = send_message(api, chat, "late")
        assert [event["id"] for event in waiting.result(30)["events"]] == [sent]
    assert waiting.result()["next"] != position


def test_request_that_waits_for_nothing_is_answered(api: Api) -> None:
    position = end_of_feed(api)
    assert page(api, after=position, types="survey", wait=0.2)["events"] == []


def test_stream_goes_on_after_its_last_id(api: Api, chat: Chat) -> None:
    position = end_of_feed(api)
    sent = [send_message(api, chat, f"{n}") for n in range(3)]
    first = streamed(api, {"last-event-id": position}, 2)
    rest = streamed(api, {"last-event-id": first[-1]["position"]}, 1)
    assert [event["id"] for event in [*first, *rest]] == sent


def streamed(api: Api, headers: dict[str, str], count: int) -> list[Event]:
    """The first messages of a stream."""
    found: list[Event] = []
    sent = {**BEARER, "accept": "text/event-stream", **headers}
    with api.http.stream(
        "GET", "/v1/events", params={"instance": "demo", "types": "message"}, headers=sent
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
                if len(found) == count:
                    break
    return found


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"after": "nonsense"}, "after: is not the `position`"),
        ({"after": "1-2-3"}, "after: is not the `position`"),
        ({"types": "contact.parked,nothing"}, "types: there are no events of the type 'nothing'"),
        ({"limit": 0}, "limit: must be at least 1"),
        ({"wait": 31}, "wait: must be at most 30"),
    ],
)
def test_wrong_parameter_is_named(api: Api, query: dict[str, Any], message: str) -> None:
    response = get_events(api, **query)
    assert response.status_code == 400
    assert response.json()["Message"].startswith(message)


def test_unknown_instance_is_not_found(api: Api) -> None:
    assert_refused(get_events(api, instance="other"), 404, "ResourceNotFoundException", "instance")


def test_wrong_secret_is_refused(api: Api) -> None:
    assert_refused(get_events(api, secret="no secret of anybody"), 403, "AccessDeniedException", "key")
