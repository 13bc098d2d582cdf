"""Addresses of other servers, to which Perennial sends requests."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from configuration.schema.workstreams import WebAddress


def _is_protected(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_this_machine(parts.hostname or ""):
        raise ValueError("must be https://...; http:// is for addresses of this machine, for development")
    return url


def _has_no_password(url: str) -> str:
    if "@" in urlsplit(url).netloc:
        raise ValueError("must have no user and no password: addresses stand in logs")
    return url


def is_this_machine(host: str) -> bool:
    """Whether a host of an address is loopback."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


ProtectedAddress = Annotated[WebAddress, AfterValidator(_is_protected), AfterValidator(_has_no_password)]
"""An address of another server: `https://`, or `http://` on this machine."""
