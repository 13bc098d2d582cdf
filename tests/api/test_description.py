"""OpenAPI: every operation of `/v1` has a description and examples of its request and response."""

from __future__ import annotations

from typing import Any

import pytest

from api.agent import responses
from api.openapi import ResponseBody
from tests.api.calls import Api

NOT_JSON = {"/v1/contacts/{contact_id}/transcript", "/v1/contacts/{contact_id}/attachments/{attachment_id}"}


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


def resolve(description: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").removeprefix("#/components/schemas/")
    return description["components"]["schemas"][name] if name else schema


def has_example(description: dict[str, Any], content: dict[str, Any]) -> bool:
    json = content["application/json"]
    schema = resolve(description, json.get("schema", {}))
    return any("example" in where or "examples" in where for where in (json, schema))


def test_every_operation_has_description_tags_security_and_error_example(description: dict[str, Any]) -> None:
    found = operations(description)
    assert len(found) > 25
    for name, operation in found.items():
        assert operation["description"].startswith(operation["summary"]), name
        assert operation["tags"], name
        assert operation["security"], name
        assert "example" in operation["responses"]["4XX"]["content"]["application/json"]["schema"], name
        assert "422" not in operation["responses"], f"{name}: the API never returns 422"


def test_every_response_and_request_body_has_an_example(description: dict[str, Any]) -> None:
    for (method, path), operation in operations(description).items():
        if path not in NOT_JSON:
            assert has_example(description, operation["responses"]["200"]["content"]), (method, path)
        if "requestBody" in operation:
            assert has_example(description, operation["requestBody"]["content"]), (method, path)
        if method == "put":
            assert "requestBody" in operation, path


def test_all_references_resolve(description: dict[str, Any]) -> None:
    def references(part: Any) -> list[str]:
        if isinstance(part, list):
            return [found for each in part for found in references(each)]  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(part, dict):
            return []
        own_reference = [part["$ref"]] if "$ref" in part else []  # pyright: ignore[reportUnknownVariableType]
        return own_reference + [found for each in part.values() for found in references(each)]  # pyright: ignore[reportUnknownVariableType]

    known = {f"#/components/schemas/{name}" for name in description["components"]["schemas"]}
    assert set(references(description)) <= known


RESPONSE_MODELS = [
    model for model in vars(responses).values() if isinstance(model, type) and issubclass(model, ResponseBody)
]


@pytest.mark.parametrize(
    "model", [model for model in RESPONSE_MODELS if model is not ResponseBody], ids=lambda model: model.__name__
)
def test_response_examples_match_their_models(model: type[ResponseBody]) -> None:
    extra: Any = model.model_config.get("json_schema_extra")
    assert model.model_validate(extra["example"]).model_dump(mode="json", by_alias=True) == extra["example"]
