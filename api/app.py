"""The HTTP application, and the parts behind it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from api import administration, browser_pages, desk, errors, reconnections, transcripts
from api.board.dispatching import Dispatcher
from api.board.positions import Positions
from api.connect import bots, chats, contacts, metrics, rehydration, roles, searching, statuses, transfers
from api.described import summarised
from api.gateway import Gateway
from api.live import socket
from api.live.desk_hub import DeskHub
from api.live.desks import Desks
from api.live.hub import Hub
from api.live.presence import Attendance
from api.live.settling import Settling
from api.participant import connection, messages, transcript
from api.paths import EncodedSlashes
from api.services import Services
from api.tokens import Tokens, token_keys
from api.unserved import unserved
from configuration.current import Configuration
from runtime.bus import Bus
from runtime.settings import Settings
from runtime.version import VERSION
from store.database import Database

_ALLOWED_HEADERS = (
    "authorization",
    "content-type",
    "x-amz-bearer",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-user-agent",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
)


def build_services(
    settings: Settings, db: Database, bus: Bus, configuration: Configuration, gateway: Gateway
) -> Services:
    """Puts the parts of the API process together."""
    desks = Desks(db, bus, gateway, grace=settings.desk_grace)
    return Services(
        settings=settings,
        configuration=configuration,
        db=db,
        gateway=gateway,
        bus=bus,
        tokens=Tokens(token_keys(settings.token_keys, settings.data_dir)),
        hub=Hub(db, bus),
        desk_hub=DeskHub(db, bus),
        desks=desks,
        attendance=Attendance(db, desks, debounce=settings.presence_debounce, lease=settings.presence_lease),
        settling=Settling(db, bus),
        dispatcher=Dispatcher(db, bus, gateway, configuration),
        positions=Positions(db, gateway, configuration, every=settings.positions_every),
    )


def create_app(services: Services, temporal_ui: str | None = None) -> FastAPI:
    """The application. While it runs it serves sockets and keeps this process's lease.

    Args:
        services: the parts of the process.
        temporal_ui: base URL of the Temporal UI, for the start page; None when this process does not know it.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        for part in services.running:
            await part.start()
        yield
        for part in reversed(services.running):
            await part.stop()

    app = FastAPI(
        title="Perennial", version=VERSION, lifespan=lifespan, redirect_slashes=False, docs_url=None, redoc_url=None
    )
    app.state.services = services
    app.add_middleware(EncodedSlashes)
    app.add_middleware(errors.LastResort)
    # browsers may come from anywhere: what protects a chat is its token, never a cookie
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "POST", "PUT", "OPTIONS"],
        allow_headers=_ALLOWED_HEADERS,
        expose_headers=["x-amzn-errortype", "x-amzn-requestid"],
        max_age=7200,
    )
    errors.install(app)
    app.add_exception_handler(HTTPException, _unserved)
    for module in (
        chats,
        contacts,
        bots,
        transfers,
        rehydration,
        searching,
        roles,
        metrics,
        statuses,
        connection,
        messages,
        transcript,
        socket,
        *desk.MODULES,
        reconnections,
        transcripts,
        administration,
    ):
        app.include_router(summarised(module.router))
    app.add_api_route("/healthz", _healthy, include_in_schema=False)
    browser_pages.install(app, temporal_ui)
    return app


async def _healthy() -> dict[str, str]:
    return {"status": "ok"}


async def _unserved(request: Request, error: Exception) -> JSONResponse:
    return errors.render(unserved(request.method, request.url.path), request.url.path)
