"""The API describes itself: everything of `/v1` in words, with an example of what it takes and of what it answers."""

from __future__ import annotations

from typing import Any

import pytest

from api.agent import responses
from api.openapi import ResponseBody
from tests.api.calls import Api

NOT_JSON = {"/v1/contacts/{contact_id}/transcript"}


@pytest.fixture(scope="module")
def description(api: Api) -> dict[str, Any]:
    return api.http.get("/openapi.json").raise_for_status().json()


def operations(description: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): operation
        for path, methods in description["paths"].items()
        if path.startswith("/v1/")
        for method, operation in methods.items()
    }


def resolved(description: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").removeprefix("#/components/schemas/")
    return description["components"]["schemas"][name] if name else schema


def has_example(description: dict[str, Any], content: dict[str, Any]) -> bool:
    json = content["application/json"]
    schema = resolved(description, json.get("schema", {}))
    return any("example" in where or "examples" in where for where in (json, schema))


def test_every_operation_says_what_it_does_who_may_and_how_it_refuses(description: dict[str, Any]) -> None:
    found = operations(description)
    assert len(found) > 25
    for name, operation in found.items():
        assert operation["description"].startswith(operation["summary"]), name
        assert operation["tags"], name
        assert operation["security"], name
        assert "example" in operation["responses"]["4XX"]["content"]["application/json"]["schema"], name
        assert "422" not in operation["responses"], f"{name}: nothing is ever answered so"


def test_every_answer_and_every_body_has_an_example(description: dict[str, Any]) -> None:
    for (method, path), operation in operations(description).items():
        if path not in NOT_JSON:
            assert has_example(description, operation["responses"]["200"]["content"]), (method, path)
        if "requestBody" in operation:
            assert has_example(description, operation["requestBody"]["content"]), (method, path)
        if method == "put":
            assert "requestBody" in operation, path


def test_no_reference_leads_nowhere(description: dict[str, Any]) -> None:
    def references(part: Any) -> list[str]:
        if isinstance(part, list):
            return [found for each in part for found in references(each)]  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(part, dict):
            return []
        here = [part["$ref"]] if "$ref" in part else []  # pyright: ignore[reportUnknownVariableType]
        return here + [found for each in part.values() for found in references(each)]  # pyright: ignore[reportUnknownVariableType]

    known = {f"#/components/schemas/{name}" for name in description["components"]["schemas"]}
    assert set(references(description)) <= known


RESPONSES = [model for model in vars(responses).values() if isinstance(model, type) and issubclass(model, ResponseBody)]


@pytest.mark.parametrize(
    "model", [model for model in RESPONSES if model is not ResponseBody], ids=lambda model: model.__name__
)
def test_an_example_is_what_is_answered(model: type[ResponseBody]) -> None:
    extra: Any = model.model_config.get("json_schema_extra")
    assert model.model_validate(extra["example"]).model_dump(mode="json", by_alias=True) == extra["example"]
