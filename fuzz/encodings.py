"""Bodies as bytes: as JSON, and as what only looks like it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from random import Random
from typing import NamedTuple

from fuzz.values import Json

CONTENT_TYPES = (
    *(
        "application/json",
        "application/x-amz-json-1.1",
        "text/plain",
        "application/xml",
        "application/json; charset=utf-16",
    ),
    *("multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "nonsense", ""),
)
DEPTH = 100_000
LARGEST = 1_500_000
"""Beyond the largest body."""

HONEST = 0.7
"""How often a body is sent as it should be."""


class Encoded(NamedTuple):
    """A body as it is sent, and the headers that describe it, truly or not."""

    body: bytes
    headers: Mapping[str, str]


def as_json(body: Json) -> Encoded:
    """Return the body as it should be sent."""
    return Encoded(json.dumps(body).encode(), {"content-type": "application/json"})


def encoded(body: Json, random: Random) -> Encoded:
    """Return the body as JSON, or damaged, or under a wrong description."""
    # a half surrogate has an escape in JSON, and no UTF-8
    plain = json.dumps(body, ensure_ascii=random.random() < 0.7).encode("utf-8", "surrogatepass")[:LARGEST]
    if random.random() < HONEST:
        return Encoded(plain, {"content-type": "application/json"})
    at = random.randrange(len(plain) + 1)
    match random.randrange(13):
        case 0:
            return Encoded(plain, {"content-type": random.choice(CONTENT_TYPES)})
        case 1:
            return Encoded(plain[:at], {})
        case 2:
            return Encoded(plain + random.choice((b"}", b"\0", plain, b" trailing")), {})
        case 3:
            return Encoded(plain[:at] + random.choice((b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\0")) + plain[at:], {})
        case 4:
            return Encoded(plain, {"content-encoding": random.choice(("gzip", "deflate", "br", "gzip, gzip", "x"))})
        case 5:
            return Encoded(gzip.compress(plain), {"content-encoding": random.choice(("gzip", "identity"))})
        case 6:
            return Encoded(json.dumps(body).encode(random.choice(("utf-16", "utf-32", "utf-7"))), {})
        case 7:
            return Encoded(b"\xef\xbb\xbf" + plain, {})
        case 8:
            return Encoded(_doubled(plain), {})
        case 9:
            return Encoded(random.choice((b'{"a":', b"[")) * DEPTH, {})
        case 10:
            return Encoded(random.randbytes(random.choice((1, 50, 5_000))), {})
        case 11:
            return Encoded(plain[:-1] + b" " * 400_000 + plain[-1:], {})
        case _:
            return Encoded(b"", {})


def _doubled(plain: bytes) -> bytes:
    """An object with all of its members twice."""
    inside = plain[1:-1]
    return b"{" + inside + b"," + inside + b"}" if plain.startswith(b"{") and inside else plain * 2
