"""A port that another process takes after the first check ends the start with one sentence."""

from __future__ import annotations

import socket

import pytest
from fastapi import FastAPI

from api.server import serve
from runtime.errors import StartupError
from runtime.settings import Settings

pytestmark = pytest.mark.slow


async def test_port_that_is_taken_when_the_api_starts_to_listen_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(api_port=taken.getsockname()[1])
        with pytest.raises(StartupError, match=f"The API cannot listen on 127.0.0.1:{settings.api_port}"):
            async with serve(FastAPI(), settings):
                pass
