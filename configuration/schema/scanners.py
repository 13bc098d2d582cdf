"""The address of the scanner of attachments."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def _checked(address: str | None) -> str | None:
    if not address:
        return None
    try:
        parts = urlsplit(address)
        is_complete = bool(parts.hostname) and (parts.scheme != "clamd" or parts.port is not None)
    except ValueError:
        is_complete = False
    if not is_complete or not address.startswith(("clamd://", "http://", "https://")):
        raise ValueError("must be clamd://host:port, http://... or https://...")
    return address


ScannerAddress = Annotated[str | None, AfterValidator(_checked)]
"""`clamd://host:port`, or the URL of an HTTP service. An empty text is None: there is no scanner."""
