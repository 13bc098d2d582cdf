"""The control plane believes no one who cannot prove it: AWS Signature v4, verified, or the key as a bearer."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import httpx
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.api.calls import CONTROL, ROUTES, Api, assert_refused, valid
from tests.api.signing import Signed
from tests.compat.chats import INSTANCE, Chat
from tests.stack import KEY_ID, SECRET

DENIED = (403, "AccessDeniedException")
BODY = b'{"UserId": "nobody"}'


def describe(chat: Chat) -> Signed:
    return Signed(path=f"/contacts/demo/{chat.contact_id}")


def sent(api: Api, signed: Signed, **changes: Any) -> httpx.Response:
    """The request as signed, but for what is changed on its way."""
    signed = replace(signed, host=f"127.0.0.1:{api.stack.api_port}")
    headers = {**signed.all_headers(), **changes.pop("headers", {})}
    way = replace(signed, **changes)
    url = f"{way.path}?{way.query}" if way.query else way.path
    return api.http.request(way.method, url, content=way.body, headers=headers)


class TestByHand:
    """A signature that does not come from botocore."""

    @pytest.mark.parametrize(
        "signed",
        [
            Signed(),
            Signed(query="b=2&a=1&a=0&c"),
            Signed(query="q=%2F%20%C3%A9&r=~x"),
            Signed(path="/contacts/demo/%C3%A9%20%2B~x"),
            Signed(path="/contacts/arn%3Aaws%3Aconnect%3Ax%3A1%3Ainstance%2Fdemo/x"),
            Signed(path="/contacts/demo/x%2fy"),
            Signed(age=timedelta(minutes=13)),
            Signed(age=timedelta(minutes=-13)),
            Signed(headers={"x-note": "two   words"}, covers=("host", "x-amz-date", "x-note")),
            Signed(headers={"x-amz-content-sha256": sha256(b"").hexdigest()}),
            Signed(covers=("host",)),
        ],
    )
    def test_good(self, api: Api, signed: Signed) -> None:
        assert_refused(sent(api, signed), 404, "ResourceNotFoundException", "ContactId")

    def test_good_with_a_body(self, api: Api, chat: Chat) -> None:
        signed = Signed("POST", f"/contacts/demo/{chat.contact_id}/associate-user", body='{"UserId": "é€😀"}'.encode())
        assert_refused(sent(api, signed), 404, "ResourceNotFoundException", "é€😀")

    @pytest.mark.parametrize(
        "changes",
        [
            {"path": "/contacts/demo/y"},
            {"path": "/contacts/demo/%78"},
            {"query": "a=1"},
            {"headers": {"host": "elsewhere"}},
            {"headers": {"x-note": "changed"}},
            {"headers": {"x-amz-date": "yesterday"}},
            {"headers": {"x-amz-date": ""}},
        ],
        ids=str,
    )
    def test_changed_on_its_way(self, api: Api, changes: dict[str, Any]) -> None:
        signed = Signed(headers={"x-note": "as signed"}, covers=("host", "x-amz-date", "x-note"))
        assert_refused(sent(api, signed), 404, "ResourceNotFoundException")
        assert_refused(sent(api, signed, **changes), *DENIED)

    def test_changed_date(self, api: Api) -> None:
        for minutes in (1, -1, 20):
            later = datetime.now(UTC) + timedelta(minutes=minutes)
            changed = {"x-amz-date": later.strftime("%Y%m%dT%H%M%SZ")}
            assert_refused(sent(api, Signed(), headers=changed), *DENIED, "signature")

    def test_changed_query(self, api: Api) -> None:
        for query in ("a=2", "a=1&b", "", "A=1"):
            assert_refused(sent(api, Signed(query="a=1"), query=query), *DENIED, "signature")

    def test_changed_method_and_body(self, api: Api, chat: Chat) -> None:
        signed = Signed("POST", f"/contacts/demo/{chat.contact_id}/associate-user", body=BODY)
        assert_refused(sent(api, signed), 404, "ResourceNotFoundException", "nobody")
        assert_refused(sent(api, signed, body=BODY.replace(b"nobody", b"a1")), *DENIED, "signature")
        elsewhere = replace(signed, method="PUT")
        assert_refused(sent(api, elsewhere, method="POST"), *DENIED, "signature")

    @pytest.mark.parametrize(
        ("wrong", "mention"),
        [
            (Signed(secret=SECRET + "x"), "signature"),
            (Signed(secret=""), "signature"),
            (Signed(key_id="nobody"), "nobody"),
            (Signed(key_id=""), "Authorization"),
            (Signed(age=timedelta(minutes=16)), "15 minutes"),
            (Signed(age=timedelta(minutes=-16)), "15 minutes"),
            (Signed(day="20200101"), "date"),
            (Signed(covers=("x-amz-date",)), "host"),
            (Signed(payload_hash=sha256(b"other").hexdigest()), "signature"),
            (Signed(payload_hash="UNSIGNED-PAYLOAD"), "signature"),
        ],
    )
    def test_wrong(self, api: Api, wrong: Signed, mention: str) -> None:
        assert_refused(sent(api, wrong), *DENIED, mention)

    @pytest.mark.parametrize("lie", [sha256(b"other").hexdigest(), "UNSIGNED-PAYLOAD", ""])
    def test_lie_about_the_body(self, api: Api, lie: str) -> None:
        """Signed consistently with the lie, as somebody would who holds no body's signature but a header's."""
        signed = Signed(
            headers={"x-amz-content-sha256": lie},
            covers=("host", "x-amz-content-sha256", "x-amz-date"),
            payload_hash=lie,
        )
        assert_refused(sent(api, signed), *DENIED, "X-Amz-Content-SHA256")

    def test_host_that_cannot_be_parsed(self, api: Api) -> None:
        assert_refused(sent(api, Signed(), headers={"host": "[::1"}), *DENIED, "signature")

    @pytest.mark.parametrize(
        ("part", "spoilt"),
        [
            (r".$", ""),
            ("Signature=", "Signature=0"),
            ("Signature=.", "Signature=x"),
            ("/aws4_request", ""),
            ("/connect/", "/s3/"),
            ("/local/", "/us-west-2/"),
            ("SignedHeaders=[^,]+, ", ""),
            ("host;x-amz-date", "host"),
            ("host;x-amz-date", "host;x-amz-date;x-not-there"),
            ("host;x-amz-date", "x-amz-date;host"),
            ("host;x-amz-date", "host;host;x-amz-date"),
            ("host;x-amz-date", "Host;X-Amz-Date"),
            ("HMAC-SHA256", "ECDSA-P256-SHA256"),
            ("AWS4-HMAC-SHA256", "Bearer"),
            (" .*", ""),
            ("^.*", ""),
        ],
    )
    def test_spoilt_header(self, api: Api, part: str, spoilt: str) -> None:
        signed = replace(Signed(), host=f"127.0.0.1:{api.stack.api_port}")
        good = signed.all_headers()["authorization"]
        header = re.sub(part, spoilt, good, count=1)
        assert header != good
        assert_refused(sent(api, signed, headers={"authorization": header}), *DENIED)


class TestBoto3:
    """The unmodified client, and what happens to its requests on their way."""

    @pytest.mark.parametrize(
        "credentials",
        [
            {"aws_secret_access_key": "not-the-secret"},
            {"aws_access_key_id": "nobody"},
            {"config": Config(signature_version=UNSIGNED)},
        ],
        ids=["secret", "key", "unsigned"],
    )
    def test_wrong_credentials(self, api: Api, chat: Chat, credentials: dict[str, Any]) -> None:
        stranger = api.stack.connect(**credentials)
        with pytest.raises(ClientError) as refused:
            stranger.describe_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)
        assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403

    @pytest.mark.parametrize("region", ["local", "eu-central-1"])
    def test_good_credentials_in_any_region(self, api: Api, chat: Chat, region: str) -> None:
        client = api.stack.connect(region_name=region)
        assert client.describe_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)["Contact"]

    def test_text_beyond_ascii(self, api: Api, chat: Chat) -> None:
        client = api.stack.connect()
        here = {"InstanceId": "arn:aws:connect:x:1:instance/demo", "InitialContactId": chat.contact_id}
        client.update_contact_attributes(**here, Attributes={"note": "é€😀 /?&=%"})
        assert client.get_contact_attributes(**here)["Attributes"]["note"] == "é€😀 /?&=%"

    def test_changed_body(self, api: Api, chat: Chat) -> None:
        def change(request: Any, **_: Any) -> None:
            request.body = request.body.replace(b'"one"', b'"two"')

        client = api.stack.connect()
        client.meta.events.register("before-send.connect.UpdateContactAttributes", change)
        with pytest.raises(ClientError, match="AccessDenied"):
            client.update_contact_attributes(
                InstanceId=INSTANCE, InitialContactId=chat.contact_id, Attributes={"number": "one"}
            )
        kept = client.get_contact_attributes(InstanceId=INSTANCE, InitialContactId=chat.contact_id)
        assert "number" not in kept["Attributes"]

    @pytest.mark.parametrize("suffix", ["?more=1", "%20", "/../x"])
    def test_changed_address(self, api: Api, chat: Chat, suffix: str) -> None:
        def change(request: Any, **_: Any) -> None:
            request.url += suffix

        client = api.stack.connect()
        client.meta.events.register("before-send.connect.DescribeContact", change)
        with pytest.raises(ClientError, match=r"AccessDenied|UnknownOperation"):
            client.describe_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)


class TestBearer:
    """The secret itself, for callers without an AWS client."""

    @pytest.mark.parametrize("operation", CONTROL)
    def test_every_operation_wants_it(self, api: Api, chat: Chat, operation: str) -> None:
        method, template = ROUTES[operation]
        ids = {"ContactId": chat.contact_id, "InitialContactId": chat.contact_id, "UserId": "a1"}
        path = template.format(InstanceId="demo", **ids)
        body = valid(operation, chat) if method != "GET" else None
        for header in ("", "Bearer", f"Bearer {SECRET}x", f"Bearer {KEY_ID}", f"Basic {SECRET}", SECRET):
            refused = api.http.request(method, path, json=body, headers={"authorization": header})
            assert_refused(refused, *DENIED)
        assert_refused(api.http.request(method, path, json=body), *DENIED, "Signature v4")

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_good(self, api: Api, chat: Chat, scheme: str) -> None:
        headers = {"authorization": f"{scheme} {SECRET}"}
        assert api.http.get(f"/contacts/demo/{chat.contact_id}", headers=headers).status_code == 200

    def test_tokens_of_participants_are_no_key(self, api: Api, chat: Chat) -> None:
        for token in (chat.token, chat.participant_token):
            assert_refused(api.send("DescribeContact", chat=chat, token=token), *DENIED, "bearer key")
