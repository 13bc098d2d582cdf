"""Checks and binds the ports on which a process listens."""

from __future__ import annotations

import socket

from runtime.errors import StartupError


def bound_socket(host: str, port: int, listener: str, variable: str) -> socket.socket:
    """Return a socket that is bound to a port.

    Args:
        host: the address to listen on.
        port: the port.
        listener: the name of the part that listens there, for the message.
        variable: the variable that sets the port, for the message.

    Raises:
        StartupError: the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on sockets that name their protocol. Without it a client's next request takes 40 ms
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise StartupError(
            f"{listener} cannot listen on {host}:{port} ({error.strerror}); "
            f"stop the process that uses it, or choose another port with {variable}"
        ) from None
    return bound


def base_url(host: str, port: int) -> str:
    """Return the HTTP URL of a port. An IPv6 address is put in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def check_port(host: str, port: int, listener: str, variable: str) -> None:
    """Check that a port is free. See `bound_socket`.

    Raises:
        StartupError: the port is taken.
    """
    bound_socket(host, port, listener, variable).close()
