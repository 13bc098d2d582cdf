"""The network of a device, which a test takes away and gives back."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from tests.chatjs.proxy import Proxy
from tests.pages.browser import Device

LOST = ("net::ERR_INTERNET_DISCONNECTED", "net::ERR_CONNECTION_RESET")
"""The errors that a browser writes to the console of a page that loses its network."""


class Network:
    """The network of one device."""

    def __init__(self, device: Device, proxy: Proxy) -> None:
        self.device = device
        self._proxy = proxy

    @classmethod
    @asynccontextmanager
    async def of(cls, device: Device, port: int) -> AsyncGenerator[Network]:
        """Put a new device on a network of its own, to a server's port. The device ends with it."""
        async with Proxy(port) as proxy:
            device.url = proxy.url
            try:
                yield cls(device, proxy)
            finally:
                await device.context.close()

    async def lose(self) -> None:
        """Lose the network: the browser knows it, and its connections are reset."""
        await self.device.context.set_offline(True)
        self.break_off()

    async def come_back(self) -> None:
        """Have the network again."""
        self.heal()
        await self.device.context.set_offline(False)

    def break_off(self) -> None:
        """Reset the connections, and let no new one through. The browser takes itself to be online."""
        self.device.expected = (*self.device.expected, *LOST)
        self._proxy.cut()

    def heal(self) -> None:
        """Let connections through again."""
        self._proxy.restore()
