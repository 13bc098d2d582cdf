"""Values that programs trip over: texts, numbers, and any JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Any

Json = Any

LENGTHS = (100, 101, 255, 256, 257, 500, 501, 1_024, 1_025, 4_001, 16_384, 16_385, 40_000, 200_000)
"""Around the limits of the wire, and beyond them."""

CHARACTERS = ("a", "é", "𝄞", "\u0301", "\ud800", "\u202e", "\0", '"', "\\", "%", "/")

TEXTS = (
    *("", " ", "\0", "a\0b", "\x7f", "\x1b[31m", "\r\nx-injected: 1", "\u2028", "\ufeff", "\ufffe", "\u00a0"),
    *(
        "\ud800",
        "a\udfffb",
        "\udc00\ud800",
        "😀",
        "👩\u200d👩\u200d👧\u200d👦",
        "\u202etxet",
        "שלום",
        "مرحبا",
        "e\u0301" * 40,
        "İ",
        "ß",
    ),
    *(
        "' OR 1=1 --",
        '"; DROP TABLE items; --',
        "%",
        "_",
        "*",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "${x}",
        "%s%n",
        "%00",
    ),
    *("..", "../../etc/passwd", "/", "//", ".", "a/b", "a%2Fb", "?", "#", "null", "None", "true", "undefined"),
    *("0", "-1", "1.5", "1e309", "NaN", "Infinity", "0x10", "\uff19", "1_000", " 1 "),
    *(
        "2026-02-30T25:61:61Z",
        "9999-12-31T23:59:59.999999Z",
        "0001-01-01T00:00:00+14:00",
        "2026-01-31T00:00:00",
        "2026-W05-6",
    ),
    *(
        "PT1S",
        "P1Y",
        "-PT1S",
        "P999999999D",
        "24:00-25:00",
        "08:00-12:00",
        "Europe/Berlin",
        "Nowhere/Else",
        "de-AT",
        "*:*",
    ),
    *('{"messageId": "x"}', '{"messageId": null}', "[" * 5_000, '{"a":' * 500, "arn:aws:connect:local:1:instance/demo"),
    *("FORWARD", "BACKWARD", "text/plain", "application/json", "WEBSOCKET", "CUSTOMER", "AGENT", "SYSTEM"),
)

NUMBERS: Sequence[float] = (
    *(0, 1, 2, -1, 99, 100, 101, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**30, 10**400),
    *(0.5, -0.0, 1e-320, 1e308, math.nan, math.inf, -math.inf, 253402300800, 1_800_000_000_000),
)

MANY = 12_000
"""More values than a body may have."""


def text(random: Random) -> str:
    """Return a hostile text."""
    match random.randrange(6):
        case 0:
            return random.choice(CHARACTERS) * random.choice(LENGTHS)
        case 1:
            return "".join(chr(random.randrange(0x110000)) for _ in range(random.randrange(1, 8)))
        case 2:
            return random.choice(TEXTS) + random.choice(TEXTS)
        case _:
            return random.choice(TEXTS)


def number(random: Random) -> float:
    """Return a hostile number. `json` writes the infinite ones as words that JSON does not have."""
    return random.choice(NUMBERS)


def anything(random: Random, depth: int = 0) -> Json:
    """Return any value of JSON, small, very many, or nested deeply."""
    match random.randrange(12 if depth < 3 else 7):
        case 0:
            return None
        case 1:
            return random.random() < 0.5
        case 2 | 3:
            return number(random)
        case 4 | 5 | 6:
            return text(random)
        case 7:
            return nested(random.choice((5, 60, 150)))
        case 8:
            return [random.choice(("x", 1, None))] * random.choice((0, 1, 11, 101, MANY if depth == 0 else 300))
        case 9:
            return {f"{number}": "x" for number in range(random.choice((0, 1, 31, 400)))}
        case 10:
            return [anything(random, depth + 1) for _ in range(random.randrange(4))]
        case _:
            return {text(random): anything(random, depth + 1) for _ in range(random.randrange(4))}


def nested(depth: int) -> Json:
    """Return a list in a list in a list, and so on."""
    value: Json = []
    for _ in range(depth):
        value = [value]
    return value
