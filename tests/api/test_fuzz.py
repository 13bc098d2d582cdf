"""Fuzzing: no request causes a server error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.api.calls import ABSENT_STATUSES, ROUTES, WITH_BODY, Api, valid_body, with_member
from tests.compat.chats import EVENT, Chat

EXAMPLES = 200
MEMBERS = {
    "StartChatContact": (
        *("InstanceId", "ContactFlowId", "ParticipantDetails", "ParticipantDetails.DisplayName", "Attributes"),
        *("InitialMessage", "InitialMessage.Content", "ClientToken", "ChatDurationInMinutes", "PersistentChat"),
        *("SupportedMessagingContentTypes", "RelatedContactId", "ParticipantConfiguration", "SegmentAttributes"),
        *("SegmentAttributes.a", "SegmentAttributes.a.ValueMap", "SegmentAttributes.a.ValueList", "CustomerId"),
        *("DisconnectOnCustomerExit", "ConnectionTypes", "ChatStreamingConfiguration", "Attributes.a"),
    ),
    "StopContact": ("InstanceId", "ContactId", "DisconnectReason", "DisconnectReason.Code"),
    "UpdateContactAttributes": ("InstanceId", "InitialContactId", "Attributes", "Attributes.a"),
    "AssociateContactWithUser": ("UserId",),
    "SearchContacts": (
        *(
            "InstanceId",
            "TimeRange",
            "TimeRange.Type",
            "TimeRange.StartTime",
            "TimeRange.EndTime",
            "MaxResults",
            "Sort",
        ),
        *("SearchCriteria", "SearchCriteria.AgentIds", "SearchCriteria.QueueIds", "SearchCriteria.Channels"),
        *("SearchCriteria.SearchableContactAttributes", "SearchCriteria.SearchableContactAttributes.Criteria"),
        *("SearchCriteria.Name", "SearchCriteria.InitiationMethods", "NextToken", "Sort.FieldName", "Sort.Order"),
    ),
    "UpdateParticipantRoleConfig": (
        *("ChannelConfiguration", "ChannelConfiguration.Chat", "ChannelConfiguration.Chat.ParticipantTimerConfigList"),
    ),
    "GetContactMetrics": ("InstanceId", "ContactId", "Metrics"),
    "PutUserStatus": ("AgentStatusId",),
    "SignIn": ("instance", "user"),
    "Reconnect": ("instance", "workstream", "customer_id", "reconnect_id"),
    "CreateParticipantConnection": ("Type", "ConnectParticipant"),
    "SendMessage": ("ContentType", "Content", "ClientToken"),
    "SendEvent": ("ContentType", "Content", "ClientToken"),
    "GetTranscript": (
        *("ContactId", "MaxResults", "NextToken", "ScanDirection", "SortOrder", "StartPosition"),
        *("StartPosition.Id", "StartPosition.AbsoluteTime", "StartPosition.MostRecent"),
    ),
    "DisconnectParticipant": ("ClientToken",),
}
TEXTS = st.one_of(
    st.text(max_size=30),
    st.text(st.characters(categories=["Cs", "Cc", "Lu"]), max_size=2),
    st.sampled_from(["demo", "live", "persistent", "a1", "text/plain", "FORWARD", EVENT + "message.read", "WEBSOCKET"]),
    st.sampled_from(['{"messageId": "x"}', "[" * 5000, "\0", "%00", "../..", "' OR 1=1 --", "2026-01-31T00:00:00Z"]),
    st.sampled_from([255, 256, 257, 16_384, 40_000]).map(lambda n: "é" * n),
    st.datetimes(timezones=st.none() | st.timezones()).map(lambda at: at.isoformat()),
)
NUMBERS = st.one_of(st.integers(), st.floats(), st.sampled_from([10**400, -1, 0, 1, 100, 101, 2**31, 2**63, 1e308]))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


@st.composite
def mutations(draw: st.DrawFn, operation: str) -> list[tuple[str, Any]]:
    # mostly text: it passes the most checks of an operation
    value = st.one_of(TEXTS, TEXTS, NUMBERS, JSON, st.just(ABSENT_STATUSES))
    change = st.tuples(st.sampled_from(MEMBERS[operation]), value)
    return draw(st.lists(change, min_size=1, max_size=draw(st.sampled_from([1, 1, 3]))))


@pytest.fixture(scope="module", autouse=True)
def check_health_afterwards(api: Api) -> Iterator[None]:
    log_start = len(api.stack.log())
    yield
    assert api.http.get("/healthz").json() == {"status": "ok"}
    assert "Traceback" not in api.stack.log()[log_start:]


def mutate(body: dict[str, Any], member: str, value: object) -> dict[str, Any]:
    """Return the body with the member changed; unchanged when the body lacks the shape of the path."""
    try:
        return with_member(body, member, value)
    except (TypeError, AttributeError):
        return body


@pytest.mark.parametrize("operation", MEMBERS)
def test_mutated_bodies_cause_no_server_error(api: Api, operation: str) -> None:
    disposable_chat = api.start()  # the operations may end it

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(changes=mutations(operation))
    def send(changes: list[tuple[str, Any]]) -> None:
        body = valid_body(operation, disposable_chat)
        for member, value in changes:
            body = mutate(body, member, value)
        response = api.send(operation, body, chat=disposable_chat)
        assert response.status_code < 500, response.text
        assert isinstance(response.json(), dict)

    send()


@settings(max_examples=4 * EXAMPLES, deadline=None, database=None)
@given(operation=st.sampled_from([*MEMBERS]), body=st.one_of(JSON.map(json.dumps).map(str.encode), st.binary()))
def test_arbitrary_bodies_cause_no_server_error(api: Api, chat: Chat, operation: str, body: bytes) -> None:
    assert api.send(operation, body, chat=chat).status_code < 500


@settings(max_examples=2 * EXAMPLES, deadline=None, database=None)
@given(
    operation=st.sampled_from([name for name, (_, path) in ROUTES.items() if "{" in path]),
    ids=st.lists(st.binary(max_size=20).map(quote) | TEXTS.map(lambda t: quote(t[:300], errors="replace")), min_size=2),
)
@example(operation="DescribeContact", ids=["..", ".."])
def test_arbitrary_path_ids_are_refused(api: Api, operation: str, ids: list[str]) -> None:
    path = {"InstanceId": ids[0], **dict.fromkeys(("ContactId", "InitialContactId", "UserId"), ids[1])}
    body = valid_body(operation, Chat("", "", "", "")) if operation in WITH_BODY else None
    response = api.send(operation, body, path=path)
    is_start_page = response.request.url.path == "/"  # the client resolves `..` before it sends the request
    assert 400 <= response.status_code < 500 or is_start_page


@settings(max_examples=2 * EXAMPLES, deadline=None, database=None)
@given(query=st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3), token=st.text(max_size=80))
def test_arbitrary_query_and_token_are_denied(api: Api, chat: Chat, query: dict[str, str], token: str) -> None:
    bearer = {b"x-amz-bearer": token.encode(errors="replace").translate(None, bytes(range(32)) + b"\x7f").strip()}
    response = api.http.post("/participant/transcript", params=query, headers=bearer, content=b"{}")
    assert response.status_code == 403
    described = api.http.get(f"/contacts/demo/{chat.contact_id}", params=query, headers={b"authorization": b"Bearer x"})
    assert described.status_code == 403
