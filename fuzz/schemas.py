"""Values by description: a sample of a JSON schema, and the schema of one of botocore's shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from fuzz.values import Json, text

Schema = Mapping[str, Any]
Known = Callable[[str], str | None]
"""A value that exists, such as an id, for the name of a member; None without one."""

MAX_DEPTH = 8
OPTIONAL = 0.2
"""How often a member is given that may be left out."""


class Sampler:
    """Makes values that a schema describes.

    Args:
        definitions: what `#/components/schemas/NAME` refers to.
    """

    def __init__(self, random: Random, known: Known, definitions: Mapping[str, Schema]) -> None:
        self._random, self._known, self._definitions = random, known, definitions

    def sample(self, schema: Schema, name: str = "", depth: int = 0) -> Json:
        """Return a value. A pattern is not followed."""
        random = self._random
        if "$ref" in schema:
            schema = self._definitions[schema["$ref"].rpartition("/")[2]]
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            # null is an option of nearly every optional member, and tests little
            full = [each for each in choices if each.get("type") != "null"]
            return self.sample(random.choice(full if full and random.random() < 0.9 else choices), name, depth)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return random.choice(schema["enum"])
        kind = schema.get("type")
        if kind in (None, "string") and random.random() < 0.8 and (found := self._known(name)) is not None:
            return found
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "string":
                return self._text(schema)
            case "integer" | "number":
                return self._number(schema)
            case "boolean":
                return random.random() < 0.5
            case "null":
                return None
            case _:
                return text(random)

    def _object(self, schema: Schema, depth: int) -> Json:
        required = schema.get("required", ())
        found = {
            name: self.sample(each, name, depth + 1)
            for name, each in schema.get("properties", {}).items()
            if name in required or (depth < MAX_DEPTH and self._random.random() < OPTIONAL)
        }
        entries = schema.get("additionalProperties") or next(iter(schema.get("patternProperties", {}).values()), None)
        if isinstance(entries, Mapping) and depth < MAX_DEPTH:
            names = self._random.sample(("a", "b", "language", "topic", "long-name_1"), self._random.randrange(3))
            found |= {name: self.sample(entries, name, depth + 1) for name in names}
        return found

    def _array(self, schema: Schema, name: str, depth: int) -> Json:
        least = schema.get("minItems", 0)
        count = least if depth >= MAX_DEPTH else self._random.randint(least, min(schema.get("maxItems", 3), least + 3))
        items = schema.get("items", {"type": "string"})
        return [self.sample(items, name.removesuffix("s"), depth + 1) for _ in range(count)]

    def _text(self, schema: Schema) -> str:
        if schema.get("format") == "date-time":
            return self._random.choice(
                ("2026-01-31T23:59:59Z", "2030-06-01T00:00:00.000+02:00", "1999-01-01T00:00:00Z")
            )
        least, most = schema.get("minLength", 0), schema.get("maxLength", 40)
        length = self._random.choice((least, max(least, min(8, most)), most))
        words = self._random.choice(("plain words ", "ünïcödé ", "12345678", "😀"))
        return (words * (length // len(words) + 1))[:length]

    def _number(self, schema: Schema) -> float:
        least, most = schema.get("minimum", 0), schema.get("maximum", 1_000)
        found = self._random.choice((least, most, self._random.uniform(least, max(least, most))))
        return int(found) if schema.get("type") == "integer" else found


def of_shape(shape: Any, *, leave_out: bool = False, depth: int = 0) -> Schema:
    """Return the schema of a shape. Below `MAX_DEPTH` a shape is any object: some contain themselves.

    Args:
        leave_out: whether to leave out the members that do not belong into the body.
    """
    if depth > MAX_DEPTH:
        return {"type": "object"}
    limits = shape.metadata
    match shape.type_name:
        case "structure":
            members = {
                name: of_shape(member, depth=depth + 1)
                for name, member in shape.members.items()
                if not (leave_out and "location" in member.serialization)
            }
            required = [name for name in shape.required_members if name in members]
            return {"type": "object", "properties": members, "required": required}
        case "list":
            items = of_shape(shape.member, depth=depth + 1)
            return {"type": "array", "items": items, "minItems": limits.get("min", 0), "maxItems": limits.get("max", 3)}
        case "map":
            return {"type": "object", "additionalProperties": of_shape(shape.value, depth=depth + 1)}
        case "string" if shape.enum:
            return {"type": "string", "enum": shape.enum}
        case "string":
            return {"type": "string", "minLength": limits.get("min", 0), "maxLength": limits.get("max", 40)}
        case "boolean":
            return {"type": "boolean"}
        case "integer" | "long":
            return {"type": "integer", "minimum": limits.get("min", 0), "maximum": limits.get("max", 1_000)}
        case "timestamp" | "float" | "double":
            return {"type": "number", "minimum": 0, "maximum": 4_000_000_000}
        case _:
            return {"type": "string"}
