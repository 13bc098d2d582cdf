"""The hosts for which a client may have signed its request. A proxy may change the `Host` header on the way."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request

from api.trusted_proxies import forwarded_host
from runtime.settings import Settings

_DEFAULT_PORTS = {"https": "443", "http": "80"}


def possible_hosts(request: Request, settings: Settings) -> list[str]:
    """Return the values of `Host` that a signature may cover, the most likely one first.

    They are the received one, those of the public URL with and without its default port, and that which a trusted proxy forwards.
    """
    hosts = [request.headers.get("host", "")]
    if settings.public_url:
        url = urlsplit(settings.public_url)
        host, port = url.netloc.rpartition("@")[2], _DEFAULT_PORTS[url.scheme]
        bare = host.removesuffix(f":{port}")
        hosts += [bare, f"{bare}:{port}"] if url.port in (None, int(port)) else [host]
    if forwarded := forwarded_host(request, settings.trusted_proxies):
        hosts.append(forwarded)
    return list(dict.fromkeys(hosts))
