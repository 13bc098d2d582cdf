"""Node with ChatJS, and the backend and browser tabs that use it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chatjs.chats import Backend, Chat
from tests.chatjs.driver import CHATJS, FOLDER, Tab
from tests.npm import install
from tests.stack import Stack


@pytest.fixture(scope="session")
def chatjs() -> None:
    """Install ChatJS exactly as locked."""
    install(FOLDER)


@pytest.fixture(scope="session")
def backend(stack: Stack) -> Iterator[Backend]:
    backend = Backend(stack)
    yield backend
    backend.close()


class Tabs:
    """Opens tabs, and closes all open tabs after the test."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder
        self._open: list[Tab] = []

    async def open(self, library: str = CHATJS) -> Tab:
        """Open a tab that has loaded ChatJS but has no session."""
        tab = await Tab.open(self._folder / f"tab-{len(self._open)}.log", library)
        self._open.append(tab)
        return tab

    async def customer(self, chat: Chat, url: str | None = None, tab: Tab | None = None) -> Tab:
        """Connect the customer."""
        return await self.join(chat.customer, "CUSTOMER", url, tab)

    async def agent(self, chat: Chat, url: str | None = None, tab: Tab | None = None) -> Tab:
        """Connect the agent."""
        return await self.join(chat.agent, "AGENT", url, tab)

    async def join(
        self, details: dict[str, Any], type: str = "AGENT", url: str | None = None, tab: Tab | None = None
    ) -> Tab:
        """Connect the participant with these `chatDetails`."""
        tab = tab or await self.open()
        await tab.create(url or self._url, details, type)
        await tab.connect()
        return tab

    async def close(self) -> None:
        """Close all tabs."""
        for tab in self._open:
            await tab.close()


@pytest.fixture
async def tabs(chatjs: None, stack: Stack, tmp_path: Path) -> AsyncIterator[Tabs]:
    tabs = Tabs(stack.url, tmp_path)
    yield tabs
    await tabs.close()
