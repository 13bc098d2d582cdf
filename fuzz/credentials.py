"""Credentials of each kind: valid ones, and those that open nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from random import Random
from time import time
from typing import Any, NamedTuple
from uuid import uuid4

import jwt
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from fuzz.settings import FOREIGN, INSTANCE, KEYS, TOKEN_KEY, secret_of
from fuzz.values import TEXTS
from fuzz.world import World


class CallerKind(Enum):
    """Who may call an operation, by what they have."""

    KEY = "access key"
    AGENT = "agent token"
    PARTICIPANT = "participant token"
    CONNECTION = "connection token"
    ANYBODY = "nothing"


class Proof(NamedTuple):
    """What a request shows.

    Attributes:
        headers: those of tokens. A signature is made when the request is sent.
        signed_as: the instance of the key that signs; None without a signature.
        flaw: what is wrong with the signature; empty when it is valid.
        opens: whether it may open anything.
        tenant: the one tenant that it is for; empty for all or none.
    """

    headers: Mapping[str, str]
    signed_as: str | None = None
    flaw: str = ""
    opens: bool = True
    tenant: str = INSTANCE


VALID = 0.75
_FLAWS = ("secret", "date", "service", "body")


def proof(caller: CallerKind, random: Random, world: World) -> Proof:
    """Return credentials for an operation of this caller, mostly valid ones."""
    if caller is CallerKind.ANYBODY:
        return Proof({}, tenant="")
    if random.random() < VALID:
        return (
            _of_key(random, INSTANCE)
            if caller is CallerKind.KEY
            else _with_token(caller, world.token(caller.value, random))
        )
    match random.randrange(6):
        case 0:
            return Proof({}, opens=False)
        case 1:
            return _foreign(caller, random, world)
        case 2 if caller is not CallerKind.KEY:
            return _with_token(caller, expired(world.token(caller.value, random)), opens=False)
        case 3:
            others = [kind for kind in CallerKind if kind not in (caller, CallerKind.KEY, CallerKind.ANYBODY)]
            return _with_token(caller, world.token(random.choice(others).value, random), opens=False)
        case 4 if caller is CallerKind.KEY:
            return Proof({}, signed_as=INSTANCE, flaw=random.choice(_FLAWS), opens=False)
        case _:
            return _with_token(caller, _garbage(caller, random, world), opens=False)


def signature(proof: Proof, method: str, target: str, host: str, body: bytes) -> Mapping[str, str]:
    """Return the headers of the signature of a request, with the flaw of the proof."""
    assert proof.signed_as is not None
    secret = secret_of(FOREIGN if proof.flaw == "secret" else proof.signed_as)
    at = datetime.now(UTC) - (timedelta(minutes=20) if proof.flaw == "date" else timedelta())
    service = "s3" if proof.flaw == "service" else "connect"
    request = AWSRequest(method, f"http://-{target}", data=body + b" " if proof.flaw == "body" else body)
    request.headers["host"] = host
    request.headers["x-amz-date"] = request.context["timestamp"] = at.strftime("%Y%m%dT%H%M%SZ")
    signer = SigV4Auth(Credentials(KEYS[proof.signed_as], secret), service, "local")
    found = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    signed = signer.signed_headers(signer.headers_to_sign(request))
    scope = f"{signer.scope(request)}"
    return {
        "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={signed}, Signature={found}",
        "x-amz-date": request.headers["x-amz-date"],
        "amz-sdk-invocation-id": str(uuid4()),
    }


def expired(token: str) -> str:
    """Return the same token with an end that has passed."""
    return changed(token, exp=int(time()) - 60)


def changed(token: str, **claims: Any) -> str:
    """Return a token with other claims, signed with the key of the product."""
    body: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    headers = {"kid": jwt.get_unverified_header(token)["kid"]}
    return jwt.encode({**body, **claims}, TOKEN_KEY, "HS256", headers=headers)


def _with_token(caller: CallerKind, token: str, *, opens: bool = True, tenant: str = INSTANCE) -> Proof:
    name, prefix = (
        ("authorization", "Bearer ") if caller in (CallerKind.KEY, CallerKind.AGENT) else ("x-amz-bearer", "")
    )
    return Proof({name: prefix + token}, opens=opens, tenant=tenant)


def _of_key(random: Random, instance: str) -> Proof:
    if random.random() < 0.5:
        return Proof({}, signed_as=instance, tenant=instance)
    return Proof({"authorization": f"Bearer {secret_of(instance)}"}, tenant=instance)


def _foreign(caller: CallerKind, random: Random, world: World) -> Proof:
    if caller is CallerKind.KEY:
        return _of_key(random, random.choice((FOREIGN, "")))
    return _with_token(caller, world.token(caller.value, random, FOREIGN), tenant=FOREIGN)


def _garbage(caller: CallerKind, random: Random, world: World) -> str:
    if caller is CallerKind.KEY or random.random() < 0.4:
        return random.choice(("x", "a.b.c", *(text for text in TEXTS if text.isascii() and text.isprintable()))) or "x"
    token = world.token(caller.value, random)
    claims = random.choice(
        ({"exp": 10**30}, {"exp": "soon"}, {"exp": None}, {"exp": True}, {"typ": "nonsense"}, {"sub": "x" * 500})
    )
    return random.choice((token[:-3], token + "x", token.swapcase(), changed(token, **claims)))
