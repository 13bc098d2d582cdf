"""The OpenAPI document shows the body of every operation that has one, without extra code in the operation."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, Field

from api.bodies import JsonBody
from api.openapi import DescribedRoute, inline_schema
from tests.api.calls import NEEDS_ENDED_CHAT, NEEDS_STREAM, ROUTES, WITH_BODY, Api


class Tree(BaseModel):
    """A model that contains itself."""

    name: Annotated[str, Field(max_length=5)]
    parts: list[Tree] = Field(default_factory=list["Tree"])


def test_every_operation_with_a_body_shows_it(api: Api) -> None:
    paths: dict[str, Any] = api.http.get("/openapi.json").raise_for_status().json()["paths"]
    for name in (*WITH_BODY, NEEDS_ENDED_CHAT, NEEDS_STREAM):
        method, path = ROUTES[name]
        body = paths[path][method.lower()]["requestBody"]
        assert body["required"], name
        assert body["content"]["application/json"]["schema"]["properties"], name


def test_route_shows_body_and_summary() -> None:
    router = APIRouter(route_class=DescribedRoute)

    @router.post("/trees")
    async def plant(body: JsonBody[Tree]) -> None:  # pyright: ignore[reportUnusedFunction]
        """Plants a tree. Nothing else."""

    app = FastAPI()
    app.include_router(router)
    operation = app.openapi()["paths"]["/trees"]["post"]
    assert operation["summary"] == "Plants a tree"
    assert operation["requestBody"]["content"]["application/json"]["schema"] == inline_schema(Tree)


def test_model_that_contains_itself_is_cut_at_the_inner_one() -> None:
    properties = inline_schema(Tree)["properties"]
    assert properties["name"] == {"maxLength": 5, "title": "Name", "type": "string"}
    assert properties["parts"]["items"] == {"type": "object"}
