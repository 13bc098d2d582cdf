"""URLs of S3 with which a client writes one file of the archive by itself.

They are signed by botocore, because obstore signs no headers: with the length among them S3 takes the announced size only.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.session import Session

from runtime.settings import Settings

DEFAULT_REGION = "us-east-1"


def upload_origin(settings: Settings) -> str | None:
    """Return the origin to which clients send uploads (`https://minio.example.org:9000`); None when it is the API itself."""
    if settings.attachment_uploads != "s3":
        return None
    parts = urlsplit(_endpoint(settings))
    return f"{parts.scheme}://{parts.netloc}"


def _endpoint(settings: Settings) -> str:
    return settings.archive_endpoint or f"https://s3.{_region()}.amazonaws.com"


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION


class SignedUploads:
    """Makes the URLs, with the credentials that the archive uses (`AWS_*` variables, or those of the machine)."""

    def __init__(self, settings: Settings) -> None:
        """Prepare, without any request. The archive must be in S3."""
        parts = urlsplit(settings.archive_address or "")
        self._region = _region()
        endpoint = _endpoint(settings).rstrip("/")
        self._folder = "/".join(filter(None, (endpoint, parts.netloc, parts.path.strip("/"))))
        self._credentials: Any = None

    async def url(self, path: str, headers: Mapping[str, str], life: timedelta) -> str:
        """Return a URL for one PUT or several.

        Args:
            path: the path within the archive.
            headers: what the client must send; all of them are signed.
            life: how long the URL is valid.

        Raises:
            OSError: there are no credentials, or they cannot be read.
        """
        return await asyncio.to_thread(
            self._sign, path, headers, life
        )  # credentials of a machine are read over its network

    def _sign(self, path: str, headers: Mapping[str, str], life: timedelta) -> str:
        request: Any = AWSRequest("PUT", f"{self._folder}/{quote(path)}", dict(headers))
        S3SigV4QueryAuth(self._frozen(), "s3", self._region, int(life.total_seconds())).add_auth(request)
        return request.url

    def _frozen(self) -> Any:
        """Return the present credentials. Those of a machine change every few hours."""
        try:
            self._credentials = self._credentials or Session().get_credentials()
            if self._credentials is None:
                raise OSError("there are no credentials of AWS")
            return self._credentials.get_frozen_credentials()
        except BotoCoreError as error:
            raise OSError(f"the credentials of AWS cannot be read: {error}") from error
