"""The origin to which browsers send files: the policy of the pages names it."""

from __future__ import annotations

import pytest

from runtime.settings import Settings
from runtime.signed_uploads import upload_origin


def test_origin_is_that_of_the_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    archive = "s3://files/chats"
    direct = Settings(archive_url=archive, attachment_uploads="s3")
    assert upload_origin(direct) == "https://s3.eu-central-1.amazonaws.com"
    endpoint = "https://minio.example.org:9000/storage/"
    own = Settings(archive_url=archive, archive_endpoint=endpoint, attachment_uploads="s3")
    assert upload_origin(own) == "https://minio.example.org:9000"
    assert upload_origin(Settings(archive_url=archive)) is None
