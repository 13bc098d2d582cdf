"""Ports to listen on."""

from __future__ import annotations

import socket

from runtime.errors import StartupError


def bound_socket(host: str, port: int, whose: str, variable: str) -> socket.socket:
    """A socket that is bound to a port.

    Raises:
        StartupProblem: it is taken; names the variable that chooses another.
    """
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise StartupError(
            f"{whose} cannot listen on {host}:{port} ({error.strerror}); "
            f"stop what runs there, or choose another port with {variable}"
        ) from None
    return bound


def check_port(host: str, port: int, whose: str, variable: str) -> None:
    """Finds out whether a port can be listened on.

    Raises:
        StartupProblem: it is taken; names the variable that chooses another.
    """
    bound_socket(host, port, whose, variable).close()
