"""A port that is taken in the last moment, after it was found free, ends a start in one sentence."""

from __future__ import annotations

import socket

import pytest
from fastapi import FastAPI

from api.server import serving
from runtime.errors import StartupError
from runtime.settings import Settings


async def test_a_port_that_is_taken_when_the_api_begins_to_listen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(api_port=taken.getsockname()[1])
        with pytest.raises(StartupError, match=f"The API cannot listen on 127.0.0.1:{settings.api_port}"):
            async with serving(FastAPI(), settings):
                pass
