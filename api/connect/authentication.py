"""Authentication of backends: a request is signed with an access key (AWS Signature v4), or has its secret as a bearer token.

botocore computes the signature again, from the request as received, and the two are compared. A signed request that changes
something is taken once. But SDKs sign the date by the second, and not the number of the attempt: equal requests of a second, and
attempts to send one, have one signature. They say in headers that are not signed which attempt they are, and are taken for
`ATTEMPTS` after the first.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from fastapi import Depends, Request

from api.bodies import read_raw_body
from api.connect.signed_hosts import possible_hosts
from api.dependencies import ServicesInRequest
from api.head_requests import sent_method
from api.single_use import MAX_ID_LENGTH, SingleUse
from configuration.schema.access_keys import KeyRole, digest_of
from domain.errors import AccessDenied, InvalidSignature
from runtime.settings import Settings

CLOCK_SKEW = timedelta(minutes=15)
"""Maximum difference between a signature's date and now, as on AWS."""

ATTEMPTS = timedelta(seconds=10)
"""How long after a signature's first use other attempts with it are taken. They were signed in the same second."""

SERVICE = "connect"
"""The service for which requests are signed. The region may be any: clients name one, and there is one Perennial for all."""

_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.IGNORECASE)

_OF_ATTEMPT = ("amz-sdk-invocation-id", "amz-sdk-request")
"""The headers with which SDKs name a call and an attempt to send it."""

_NO_SECRET = "-"  # noqa: S105 - no key has it: secrets have 16 characters at least
"""Takes the place of the secret of a key that is unknown or cannot sign, so that the answer takes as long as for another."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,]+)/(?P<day>\d{8})/(?P<region>[^/,]+)/(?P<service>[^/,]+)/aws4_request, ?"
    r"SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class AuthenticatedBackend:
    """A backend with a valid access key.

    Attributes:
        instances: those of the key; empty means all.
        roles: what the key is good for.
    """

    key_id: str
    instances: frozenset[str]
    roles: frozenset[KeyRole]

    @property
    def actor(self) -> str:
        """Name of the backend as the sender (`by`) of events."""
        return f"api:{self.key_id}"


async def authenticate(request: Request, settings: Settings, single_use: SingleUse) -> AuthenticatedBackend:
    """Return the backend that sent the request.

    Raises:
        AccessDenied: there are no credentials, or the secret is unknown.
        InvalidSignature: the key is unknown, the signature is wrong or was used before, or its date is too far from now.
    """
    header = request.headers.get("authorization", "")
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return _verify_secret(value.strip(), settings)
    if scheme == "AWS4-HMAC-SHA256":
        return await _verify_signature(request, header, settings, single_use)
    raise AccessDenied("The request needs an AWS Signature v4 or 'Authorization: Bearer <secret of an access key>'.")


def _authenticated_for(role: KeyRole) -> Callable[..., Awaitable[AuthenticatedBackend]]:
    """Return the dependency of operations that need a role."""

    async def authenticated(request: Request, services: ServicesInRequest) -> AuthenticatedBackend:
        async with services.limits.checking_key(request):
            backend = await authenticate(request, services.keys.settings, services.single_use)
        await services.limits.take_for_backend(backend.key_id, request.method, request.scope["route"].path)
        if role not in backend.roles:
            raise AccessDenied(f"The access key {backend.key_id!r} does not have the role {role.value!r}.")
        return backend

    return authenticated


ByChatsKey = Annotated[AuthenticatedBackend, Depends(_authenticated_for(KeyRole.CHATS))]
ByTranscriptsKey = Annotated[AuthenticatedBackend, Depends(_authenticated_for(KeyRole.TRANSCRIPTS))]
ByEventsKey = Annotated[AuthenticatedBackend, Depends(_authenticated_for(KeyRole.EVENTS))]
ByAgentsKey = Annotated[AuthenticatedBackend, Depends(_authenticated_for(KeyRole.AGENTS))]
ByAdministrationKey = Annotated[AuthenticatedBackend, Depends(_authenticated_for(KeyRole.ADMINISTRATION))]


def _verify_secret(secret: str, settings: Settings) -> AuthenticatedBackend:
    digest = digest_of(secret)
    for key_id, key in settings.access_keys.items():
        if hmac.compare_digest(digest, key.digest):
            return AuthenticatedBackend(key_id, key.instances, key.roles)
    raise AccessDenied("The bearer key is not known.")


async def _verify_signature(
    request: Request, header: str, settings: Settings, single_use: SingleUse
) -> AuthenticatedBackend:
    claim = _AUTHORIZATION.fullmatch(header)
    if claim is None:
        raise AccessDenied("The Authorization header is not a complete AWS Signature v4.")
    if claim["service"] != SERVICE or not _REGION.fullmatch(claim["region"]):
        raise InvalidSignature(f"The request must be signed for the service {SERVICE!r} in a region, such as 'local'.")
    signed = claim["headers"].split(";")
    if "host" not in signed:
        raise InvalidSignature("The signature must cover the host header.")
    if signed != sorted({*signed} & {*request.headers.keys()}):
        raise InvalidSignature("SignedHeaders must name headers of the request, in alphabetical order.")
    body = await read_raw_body(request)
    if request.headers.get("x-amz-content-sha256", digest := sha256(body).hexdigest()) != digest:
        raise InvalidSignature("The X-Amz-Content-SHA256 header is not the digest of the body.")
    date = request.headers.get("x-amz-date", "")
    _check_date(date, claim["day"])
    key = settings.access_keys.get(claim["key"])
    hosts = possible_hosts(request, settings)
    secret = (key.secret if key else None) or _NO_SECRET
    copies = (_copy_of(request, body, host) for host in hosts)
    is_signed = any(_matches(secret, copy, claim.groupdict(), frozenset(signed), date) for copy in copies)
    if key is None or key.secret is None or not is_signed:
        raise InvalidSignature(
            "The access key id is not known, or the signature does not match the request and the secret of the key. "
            f"It was checked for the host {' and for '.join(map(repr, hosts))}; "
            "a proxy must pass on the Host that the client sends."
        )
    if request.method != "GET":
        await _require_first_use(request, claim["signature"], single_use)
    return AuthenticatedBackend(claim["key"], key.instances, key.roles)


async def _require_first_use(request: Request, signature: str, single_use: SingleUse) -> None:
    attempt = "/".join(request.headers.get(name, "") for name in _OF_ATTEMPT)
    half = MAX_ID_LENGTH // 2
    # a signature is valid from 15 minutes before its date to 15 minutes after it
    age = await single_use.take_attempt(signature[:half], sha256(attempt.encode()).hexdigest()[:half], 2 * CLOCK_SKEW)
    if age is None or age > ATTEMPTS:
        raise InvalidSignature("A request with this signature was received before. Each request must be signed anew.")


def _check_date(date: str, day: str) -> None:
    try:
        at = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise InvalidSignature("The X-Amz-Date header is missing or not like 20260131T235959Z.") from None
    if not date.startswith(day):
        raise InvalidSignature(f"The signature's date {date} is not on the day of its credential, {day}.")
    if abs(datetime.now(UTC) - at) > CLOCK_SKEW:
        raise InvalidSignature(f"The signature's date {date} is more than 15 minutes from now; is the clock right?")


def _copy_of(request: Request, body: bytes, host: str) -> AWSRequest:
    """Return the request as botocore's, with the `Host` that the client may have sent."""
    raw_path: bytes = request.scope["raw_path"]
    query = request.scope["query_string"].decode("latin-1")
    # placeholder host: botocore signs the Host header, and the client's host may not parse
    url = f"http://-{raw_path.decode('latin-1').partition('?')[0]}"
    copy = AWSRequest(method=sent_method(request), url=f"{url}?{query}" if query else url, data=body)
    for name, value in request.headers.items():
        copy.headers[name] = host if name == "host" else value
    return copy


def _matches(secret: str, copy: AWSRequest, claim: dict[str, Any], signed: frozenset[str], date: str) -> bool:
    copy.context["timestamp"] = date
    signer = _Signer(Credentials("-", secret), claim["service"], claim["region"], signed)
    expected = str(signer.signature(signer.string_to_sign(copy, signer.canonical_request(copy)), copy))
    return hmac.compare_digest(expected, claim["signature"])


class _Signer(SigV4Auth):
    """botocore's signer, limited to the headers that the client signed."""

    def __init__(self, credentials: Credentials, service: str, region: str, signed: frozenset[str]) -> None:
        super().__init__(credentials, service, region)
        self._signed = signed

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        """Return the headers that the request's own signature names."""
        headers = HTTPHeaders()
        for name, value in request.headers.items():
            if name.lower() in self._signed:
                headers[name.lower()] = value
        return headers
