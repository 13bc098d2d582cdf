"""Authentication of the control plane: AWS Signature v4, or the secret key as a bearer token."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import httpx
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.api.calls import CONTROL_OPERATIONS, ROUTES, Api, assert_refused, path_ids, served, valid_body
from tests.api.signing import SignedRequest
from tests.compat.chats import INSTANCE, Chat
from tests.stack import KEY_ID, SECRET

DENIED = (403, "AccessDeniedException")
NOT_MATCHING = (403, "InvalidSignatureException")
"""The name by which the SDKs of AWS recognise a wrong signature and a wrong clock."""
BODY = b'{"UserId": "nobody"}'
OWN_SECRET = "a secret that is not published"
UPSTREAM = "127.0.0.2"
"""The `Host` that a proxy sends instead of the client's."""


def describe_request(chat: Chat) -> SignedRequest:
    return SignedRequest(path=f"/contacts/demo/{chat.contact_id}")


def send_signed(api: Api, signed: SignedRequest, **changes: Any) -> httpx.Response:
    """Send a signed request with `changes` made after signing."""
    signed = replace(signed, host=f"127.0.0.1:{api.stack.api_port}")
    headers = {**signed.all_headers(), **changes.pop("headers", {})}
    altered = replace(signed, **changes)
    url = f"{altered.path}?{altered.query}" if altered.query else altered.path
    return api.http.request(altered.method, url, content=altered.body, headers=headers)


class TestHandmadeSignature:
    """Signatures made without botocore."""

    @pytest.mark.parametrize(
        "signed",
        [
            SignedRequest(),
            SignedRequest(query="b=2&a=1&a=0&c"),
            SignedRequest(query="q=%2F%20%C3%A9&r=~x"),
            SignedRequest(path="/contacts/demo/%C3%A9%20%2B~x"),
            SignedRequest(path="/contacts/arn%3Aaws%3Aconnect%3Ax%3A1%3Ainstance%2Fdemo/x"),
            SignedRequest(path="/contacts/demo/x%2fy"),
            SignedRequest(age=timedelta(minutes=13)),
            SignedRequest(age=timedelta(minutes=-13)),
            SignedRequest(headers={"x-note": "two   words"}, signed_headers=("host", "x-amz-date", "x-note")),
            SignedRequest(headers={"x-amz-content-sha256": sha256(b"").hexdigest()}),
            SignedRequest(signed_headers=("host",)),
        ],
    )
    def test_valid_signature_is_accepted(self, api: Api, signed: SignedRequest) -> None:
        assert_refused(send_signed(api, signed), 404, "ResourceNotFoundException", "ContactId")

    def test_valid_signature_of_a_body_is_accepted(self, api: Api, chat: Chat) -> None:
        signed = SignedRequest(
            "POST", f"/contacts/demo/{chat.contact_id}/associate-user", body='{"UserId": "é€😀"}'.encode()
        )
        assert_refused(send_signed(api, signed), 404, "ResourceNotFoundException", "é€😀")

    @pytest.mark.parametrize(
        "changes",
        [
            {"path": "/contacts/demo/y"},
            {"path": "/contacts/demo/%78"},
            {"query": "a=1"},
            {"headers": {"host": "localhost"}},
            {"headers": {"x-note": "changed"}},
            {"headers": {"x-amz-date": "yesterday"}},
            {"headers": {"x-amz-date": ""}},
        ],
        ids=str,
    )
    def test_request_changed_after_signing_is_denied(self, api: Api, changes: dict[str, Any]) -> None:
        signed = SignedRequest(headers={"x-note": "as signed"}, signed_headers=("host", "x-amz-date", "x-note"))
        assert_refused(send_signed(api, signed), 404, "ResourceNotFoundException")
        assert_refused(send_signed(api, signed, **changes), *NOT_MATCHING)

    def test_changed_date_is_denied(self, api: Api) -> None:
        for minutes in (1, -1, 20):
            later = datetime.now(UTC) + timedelta(minutes=minutes)
            headers = {"x-amz-date": later.strftime("%Y%m%dT%H%M%SZ")}
            assert_refused(send_signed(api, SignedRequest(), headers=headers), *NOT_MATCHING, "signature")

    def test_changed_query_is_denied(self, api: Api) -> None:
        for query in ("a=2", "a=1&b", "", "A=1"):
            assert_refused(send_signed(api, SignedRequest(query="a=1"), query=query), *NOT_MATCHING, "signature")

    def test_changed_method_or_body_is_denied(self, api: Api, chat: Chat) -> None:
        signed = SignedRequest("POST", f"/contacts/demo/{chat.contact_id}/associate-user", body=BODY)
        assert_refused(send_signed(api, signed), 404, "ResourceNotFoundException", "nobody")
        assert_refused(send_signed(api, signed, body=BODY.replace(b"nobody", b"a1")), *NOT_MATCHING, "signature")
        signed_as_put = replace(signed, method="PUT")
        assert_refused(send_signed(api, signed_as_put, method="POST"), *NOT_MATCHING, "signature")

    def test_head_is_signed_as_head(self, api: Api) -> None:
        assert send_signed(api, SignedRequest("HEAD")).headers["x-amzn-errortype"] == "ResourceNotFoundException"
        for signed, sent in (("GET", "HEAD"), ("HEAD", "GET")):
            refused = send_signed(api, SignedRequest(signed), method=sent)
            assert (refused.status_code, refused.headers["x-amzn-errortype"]) == NOT_MATCHING

    def test_signed_head_may_be_repeated_as_a_get(self, api: Api) -> None:
        signed = SignedRequest("HEAD", host=f"127.0.0.1:{api.stack.api_port}")
        headers = signed.all_headers()
        answers = [api.http.head(signed.path, headers=headers) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [404, 404]

    @pytest.mark.parametrize(
        ("invalid", "mention"),
        [
            (SignedRequest(secret=SECRET + "x"), "signature"),
            (SignedRequest(secret=""), "signature"),
            (SignedRequest(age=timedelta(minutes=16)), "15 minutes"),
            (SignedRequest(age=timedelta(minutes=-16)), "15 minutes"),
            (SignedRequest(scope_date="20200101"), "is not on the day of its credential, 20200101"),
            (SignedRequest(signed_headers=("x-amz-date",)), "host"),
            (SignedRequest(payload_hash=sha256(b"other").hexdigest()), "signature"),
            (SignedRequest(payload_hash="UNSIGNED-PAYLOAD"), "signature"),
        ],
    )
    def test_invalid_signature_is_denied(self, api: Api, invalid: SignedRequest, mention: str) -> None:
        assert_refused(send_signed(api, invalid), *NOT_MATCHING, mention)

    @pytest.mark.parametrize("wrong_hash", [sha256(b"other").hexdigest(), "UNSIGNED-PAYLOAD", ""])
    def test_wrong_content_hash_is_denied(self, api: Api, wrong_hash: str) -> None:
        """The signature is consistent with the wrong hash, so only a check of the body detects it."""
        signed = SignedRequest(
            headers={"x-amz-content-sha256": wrong_hash},
            signed_headers=("host", "x-amz-content-sha256", "x-amz-date"),
            payload_hash=wrong_hash,
        )
        assert_refused(send_signed(api, signed), *NOT_MATCHING, "X-Amz-Content-SHA256")

    def test_malformed_host_is_denied(self, api: Api) -> None:
        assert_refused(send_signed(api, SignedRequest(), headers={"host": "[::1]:x"}), *DENIED, "not served")

    def test_missing_key_is_denied(self, api: Api) -> None:
        assert_refused(send_signed(api, SignedRequest(key_id="")), *DENIED, "Authorization")

    def test_unknown_key_is_denied_as_a_wrong_signature_is(self, api: Api) -> None:
        """The answer does not tell which keys there are."""
        unknown, wrong = (
            send_signed(api, signed) for signed in (SignedRequest(key_id="nobody"), SignedRequest(secret=SECRET + "x"))
        )
        assert_refused(unknown, *NOT_MATCHING, "The access key id is not known, or the signature does not match")
        assert unknown.json() == wrong.json()
        # the secret that takes the place of an unknown key's opens nothing
        assert send_signed(api, SignedRequest(key_id="nobody", secret="-")).json() == wrong.json()

    @pytest.mark.parametrize(
        ("part", "replacement"),
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
    def test_malformed_authorization_header_is_denied(self, api: Api, part: str, replacement: str) -> None:
        signed = replace(SignedRequest(), host=f"127.0.0.1:{api.stack.api_port}")
        valid = signed.all_headers()["authorization"]
        header = re.sub(part, replacement, valid, count=1)
        assert header != valid
        refused = send_signed(api, signed, headers={"authorization": header})
        assert (refused.status_code, refused.headers["x-amzn-errortype"]) in (DENIED, NOT_MATCHING)


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A Perennial with a public URL. It trusts no proxy."""
    settings = {"PERENNIAL_PUBLIC_URL": "https://chat.example.org", "PERENNIAL_TRUSTED_PROXIES": "[]"}
    workstream = 'mode = "live", queue = "live"'
    configuration = (
        f'access_keys.{KEY_ID}.secret = "{OWN_SECRET}"\ninstances.demo.workstreams.live = {{ {workstream} }}'
    )
    with served(tmp_path_factory.mktemp("proxied"), configuration, **settings) as api:
        yield api


@pytest.mark.slow
class TestBehindProxy:
    """A request is signed for the host that the client sees, and a proxy sends another one."""

    @pytest.mark.parametrize("host", ["chat.example.org", "chat.example.org:443"])
    def test_signature_for_the_public_url_is_accepted(self, proxied: Api, host: str) -> None:
        assert_refused(through_proxy(proxied, host), 404, "ResourceNotFoundException")

    @pytest.mark.parametrize("host", ["other.example.org", "chat.example.org:8443", ""])
    def test_signature_for_another_host_is_denied(self, proxied: Api, host: str) -> None:
        assert_refused(
            through_proxy(proxied, host), *NOT_MATCHING, f"the host '{UPSTREAM}' and for 'chat.example.org' and"
        )

    def test_forwarded_host_counts_only_from_a_trusted_proxy(self, api: Api, proxied: Api) -> None:
        forwarded = {"x-forwarded-host": "chat.example.com, inner"}
        assert_refused(through_proxy(api, "chat.example.com", **forwarded), 404, "ResourceNotFoundException")
        assert_refused(through_proxy(proxied, "chat.example.com", **forwarded), *NOT_MATCHING)

    def test_trust_is_in_the_proxy_and_not_in_the_client_that_it_names(self, api: Api, proxied: Api) -> None:
        forwarded = {"x-forwarded-host": "chat.example.com", "x-forwarded-for": "203.0.113.7"}
        assert_refused(through_proxy(api, "chat.example.com", **forwarded), 404, "ResourceNotFoundException")
        forwarded = {"x-forwarded-host": "chat.example.com", "x-forwarded-for": "127.0.0.1"}
        assert_refused(through_proxy(proxied, "chat.example.com", **forwarded), *NOT_MATCHING)


def through_proxy(api: Api, signed_host: str, **headers: str) -> httpx.Response:
    """Send a request that is signed for a host, as a proxy does that replaces the host."""
    secret = OWN_SECRET if "PERENNIAL_PUBLIC_URL" in api.stack.environment else SECRET
    signed = SignedRequest(host=signed_host, secret=secret)
    return api.http.request(signed.method, signed.path, headers={**signed.all_headers(), "host": UPSTREAM, **headers})


class TestBoto3:
    """The unmodified boto3 client, and its requests changed after signing."""

    @pytest.mark.parametrize(
        ("credentials", "name"),
        [
            ({"aws_secret_access_key": "not-the-secret"}, "InvalidSignatureException"),
            ({"aws_access_key_id": "nobody"}, "InvalidSignatureException"),
            ({"config": Config(signature_version=UNSIGNED)}, "AccessDeniedException"),
        ],
        ids=["secret", "key", "unsigned"],
    )
    def test_wrong_credentials_are_denied(self, api: Api, chat: Chat, credentials: dict[str, Any], name: str) -> None:
        client = api.stack.connect(**credentials)
        with pytest.raises(ClientError) as refused:
            client.describe_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)
        assert refused.value.response["Error"]["Code"] == name
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403

    @pytest.mark.parametrize("region", ["local", "eu-central-1"])
    def test_valid_credentials_are_accepted_in_any_region(self, api: Api, chat: Chat, region: str) -> None:
        client = api.stack.connect(region_name=region)
        assert client.describe_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)["Contact"]

    def test_non_ascii_values_are_signed_correctly(self, api: Api, chat: Chat) -> None:
        client = api.stack.connect()
        target = {"InstanceId": "arn:aws:connect:x:1:instance/demo", "InitialContactId": chat.contact_id}
        client.update_contact_attributes(**target, Attributes={"note": "é€😀 /?&=%"})
        assert client.get_contact_attributes(**target)["Attributes"]["note"] == "é€😀 /?&=%"

    def test_changed_body_is_denied(self, api: Api, chat: Chat) -> None:
        def change(request: Any, **_: Any) -> None:
            request.body = request.body.replace(b'"one"', b'"two"')

        client = api.stack.connect()
        client.meta.events.register("before-send.connect.UpdateContactAttributes", change)
        with pytest.raises(ClientError, match="InvalidSignature"):
            client.update_contact_attributes(
                InstanceId=INSTANCE, InitialContactId=chat.contact_id, Attributes={"number": "one"}
            )
        attributes = client.get_contact_attributes(InstanceId=INSTANCE, InitialContactId=chat.contact_id)
        assert "number" not in attributes["Attributes"]

    @pytest.mark.parametrize("suffix", ["?more=1", "%20", "/../x"])
    def test_changed_url_is_denied(self, api: Api, chat: Chat, suffix: str) -> None:
        def change(request: Any, **_: Any) -> None:
            request.url += suffix

        client = api.stack.connect()
        client.meta.events.register("before-send.connect.DescribeContact", change)
        with pytest.raises(ClientError, match=r"InvalidSignature|UnknownOperation"):
            client.describe_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)


class TestBearer:
    """The secret key as a bearer token, for callers without an AWS client."""

    @pytest.mark.parametrize("operation", CONTROL_OPERATIONS)
    def test_every_operation_requires_the_key(self, api: Api, chat: Chat, operation: str) -> None:
        method, template = ROUTES[operation]
        path = template.format_map(path_ids(chat))
        body = valid_body(operation, chat) if method != "GET" else None
        for header in ("", "Bearer", f"Bearer {SECRET}x", f"Bearer {KEY_ID}", f"Basic {SECRET}", SECRET):
            refused = api.http.request(method, path, json=body, headers={"authorization": header})
            assert_refused(refused, *DENIED)
        assert_refused(api.http.request(method, path, json=body), *DENIED, "Signature v4")

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_bearer_scheme_is_case_insensitive(self, api: Api, chat: Chat, scheme: str) -> None:
        headers = {"authorization": f"{scheme} {SECRET}"}
        assert api.http.get(f"/contacts/demo/{chat.contact_id}", headers=headers).status_code == 200

    def test_participant_tokens_are_denied(self, api: Api, chat: Chat) -> None:
        for token in (chat.token, chat.participant_token):
            assert_refused(api.send("DescribeContact", chat=chat, token=token), *DENIED, "bearer key")
