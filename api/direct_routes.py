"""A short way to the operations that clients of chats call all the time.

FastAPI searches all routes for each request and resolves the dependencies of the one that it finds, which costs more than the
operation itself. For the routes of the participant plane this is done once, at the start. They stay routes of FastAPI with the
same functions, so the OpenAPI document has them, and their answers and errors are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import iscoroutinefunction, signature
from typing import Any

from fastapi import APIRouter, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from api.dependencies import Services, services
from api.errors import render
from domain.errors import Fault


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

        Raises:
            TypeError: a route or one of its dependencies is not a coroutine function, has a parameter that is neither a
                request nor a dependency, or a dependency that is not the value of a parameter.
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
                scope["route"] = operation.route
                response = await operation.respond(Request(scope, receive))
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


class _Operation:
    """A route's function, and what is checked before it is called."""

    def __init__(self, route: APIRoute, parts: Services, check: Callable[[], None] | None) -> None:
        self.route = route
        self._check = check
        self._call = _Call(route.dependant, parts)

    async def respond(self, request: Request) -> JSONResponse:
        """Call the operation, and build the response of its result or error."""
        try:
            if self._check:
                self._check()
            return JSONResponse(await self._call(request))
        except Fault as fault:
            return render(fault, request.url.path)


class _Call:
    """A function, and how to obtain its arguments, in their order."""

    def __init__(self, dependant: Dependant, parts: Services) -> None:
        assert dependant.call
        _require_known_parameters(dependant)
        self._function = dependant.call
        self._request = dependant.request_param_name
        self._parts = {each.name: parts for each in dependant.dependencies if each.call is services}
        self._calls = {each.name: _Call(each, parts) for each in dependant.dependencies if each.call is not services}

    async def __call__(self, request: Request) -> Any:
        arguments: dict[Any, Any] = {**self._parts, **{name: await call(request) for name, call in self._calls.items()}}
        if self._request:
            arguments[self._request] = request
        return await self._function(**arguments)


def _require_known_parameters(dependant: Dependant) -> None:
    function: Any = dependant.call
    if not (iscoroutinefunction(function) or iscoroutinefunction(type(function).__call__)):
        raise TypeError(f"{function}: a direct route awaits it, so it must be a coroutine function.")
    names = {each.name for each in dependant.dependencies}
    if None in names:
        raise TypeError(f"{function}: a direct route calls no dependency that is not the value of a parameter.")
    if unknown := signature(function).parameters.keys() - names - {dependant.request_param_name}:
        raise TypeError(f"{function}: a direct route passes requests and dependencies only, not {', '.join(unknown)}.")


def _is_direct(route: APIRoute) -> bool:
    dependant = route.dependant
    return route.methods == {"POST"} and not (dependant.path_params or dependant.query_params or dependant.body_params)
