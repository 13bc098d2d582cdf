"""A short way to the operations that clients of chats call all the time.

FastAPI searches all routes for each request and resolves the dependencies of the one that it finds, which costs more than the
operation itself. For the routes of the participant plane this is done once, at the start. They stay routes of FastAPI with the
same functions, so the OpenAPI document has them, and their answers and errors are the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from api.bodies import BodyReader
from api.dependencies import Services, services
from api.errors import render
from domain.errors import Fault

_Argument = Callable[[Request], Awaitable[Any]]


class DirectRoutes:
    """ASGI middleware that answers the POST requests of some routers, and forwards all others."""

    def __init__(
        self, app: ASGIApp, parts: Services, routers: Iterable[APIRouter], checks: Mapping[str, Callable[[], None]]
    ) -> None:
        """Prepare the routes.

        Args:
            app: the application behind.
            parts: the parts of the process.
            routers: the routers. Their routes with parameters in the path or query are left to the application.
            checks: by path, what is checked before anything else. An overloaded process must refuse at little cost.
        """
        self._app = app
        routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
        self._operations = {
            route.path: _Operation(route, parts, checks.get(route.path)) for route in routes if _is_direct(route)
        }

    @property
    def paths(self) -> Iterable[str]:
        """The paths that it answers."""
        return self._operations.keys()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or forward it."""
        if scope["type"] == "http" and scope["method"] == "POST":
            operation = self._operations.get(scope["path"])
            # a path with encoded characters is another one, see `EncodedSlashes`
            if operation and b"%" not in scope["raw_path"]:
                response = await operation.respond(Request(scope, receive))
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


class _Operation:
    """A route's function and how to obtain its arguments, in their order."""

    def __init__(self, route: APIRoute, parts: Services, check: Callable[[], None] | None) -> None:
        self._check = check
        self._call = route.endpoint
        self._request_name = route.dependant.request_param_name
        self._arguments = {
            dependency.name: _argument(dependency.call, parts)
            for dependency in route.dependant.dependencies
            if dependency.name
        }

    async def respond(self, request: Request) -> JSONResponse:
        """Call the operation, and build the response of its result or error."""
        try:
            if self._check:
                self._check()
            arguments: dict[str, Any] = {name: await find(request) for name, find in self._arguments.items()}
            if self._request_name:
                arguments[self._request_name] = request
            return JSONResponse(await self._call(**arguments))
        except Fault as fault:
            return render(fault, request.url.path)


def _is_direct(route: APIRoute) -> bool:
    dependant = route.dependant
    return route.methods == {"POST"} and not (dependant.path_params or dependant.query_params or dependant.body_params)


def _argument(dependency: Any, parts: Services) -> _Argument:
    if dependency is services:

        async def find_parts(_: Request) -> Services:
            return parts

        return find_parts
    if isinstance(dependency, BodyReader):
        return dependency.__call__

    async def authenticate(request: Request) -> Any:
        return await dependency(request, parts)

    return authenticate
