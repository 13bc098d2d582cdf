"""One frozen object of settings, built once by each process: `perennial.toml`, then `PERENNIAL_*`, which wins.

How to reach Temporal comes from Temporal's own variables (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_TLS*`,
`TEMPORAL_API_KEY`) and from nowhere else, see `runtime.temporal`.
"""

from __future__ import annotations

import os
import tomllib
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from configuration.schema.instances import InstanceSettings
from configuration.schema.sections import Identifier, Positive, SettingsSection, mistakes
from runtime.errors import StartupError

DEMO_SECRET = "perennial-demo-secret"
"""The published secret of the demo key; nothing that listens beyond loopback may accept it."""


class AccessKeySettings(SettingsSection):
    """What a backend signs its requests with; `instances` limits it, empty means all."""

    secret: Annotated[str, StringConstraints(min_length=16)]
    instances: frozenset[str] = frozenset()


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(env_prefix="PERENNIAL_", env_nested_delimiter="__", frozen=True, extra="forbid")

    data_dir: Path = Path(".perennial")
    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8080, ge=0, le=65535)
    public_url: str | None = None
    """Base URL under which browsers reach the API (`https://chat.example.org`); without it the request's own is used."""
    temporal_port: int = Field(default=7233, ge=1, le=65535)
    ui_port: int = Field(default=8233, ge=1, le=65535)
    temporal_task_queue: str = "conversations"
    store_url: str | None = None
    """`sqlite:///path` or `postgresql://...`; without it a SQLite file in the data folder."""
    store_pool: int = Field(default=10, ge=1)
    durability: Literal["process", "power"] = "process"
    """What an acknowledged message survives on SQLite: the death of every process, or a power cut too (slower)."""
    archive_url: str | None = None
    """Where transcripts of ended contacts go: `file:///folder`, `s3://bucket/prefix`, or `off`; without it the folder
    `transcripts` in the data folder. What S3 needs comes from `AWS_*` variables (`AWS_ACCESS_KEY_ID`, `AWS_REGION`...)."""
    archive_endpoint: str | None = None
    """Base URL of an S3-compatible server (`https://minio.example.org:9000`); without it Amazon's."""
    token_keys: tuple[Annotated[str, StringConstraints(min_length=32)], ...] = ()
    """Secrets of participant tokens: the first signs, all verify. Without them one is made and kept in the data folder."""
    participant_token_life: Positive = timedelta(days=365)
    connection_token_life: Annotated[timedelta, Field(gt=timedelta(minutes=2), lt=timedelta(days=24))] = timedelta(
        days=1
    )
    presence_debounce: timedelta = timedelta(seconds=5)
    """How long a lost connection may stay unnoticed, so that a page refresh leaves no trace."""
    presence_lease: Positive = timedelta(seconds=15)
    desk_grace: timedelta = timedelta(seconds=150)
    """How long an agent whose desk has lost its connection is waited for, before they are offline."""
    positions_every: Positive = timedelta(seconds=30)
    """How often customers of live chats are told their place in the queue, when it has changed."""
    same_customer: bool = True
    """A past contact that belongs to a `CustomerId` can only be continued with the same one."""
    sockets_per_participant: int = Field(default=10, ge=2)
    recycle_after: int = Field(default=2_000, ge=20)
    """A conversation's workflow continues as new once its history holds about this many events."""
    cached_conversations: int = Field(default=1_000, ge=0)
    access_keys: dict[Identifier, AccessKeySettings] = Field(default_factory=dict)
    instances: dict[Identifier, InstanceSettings] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over what is passed in, which is the file."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _demo_stays_at_home(self) -> Self:
        demo = any(key.secret == DEMO_SECRET for key in self.access_keys.values())
        if demo and not _is_loopback(self.api_host):
            raise ValueError(
                f"api_host {self.api_host} is not loopback, but the demo access key is configured: "
                "give access_keys secrets of your own first"
            )
        return self

    @field_validator("store_url")
    @classmethod
    def _known_store(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("sqlite:///", "postgresql://", "postgres://")):
            raise ValueError("must be sqlite:///path or postgresql://...")
        return url

    @field_validator("archive_url")
    @classmethod
    def _known_archive(cls, url: str | None) -> str | None:
        if url in (None, "", "off"):
            return url
        parts = urlsplit(url)
        if (parts.scheme == "file" and not parts.netloc and parts.path.startswith("/")) or (
            parts.scheme == "s3" and parts.netloc
        ):
            return url
        raise ValueError("must be file:///folder, s3://bucket/prefix or off")

    @field_validator("archive_endpoint")
    @classmethod
    def _is_address(cls, url: str | None) -> str | None:
        if url is not None and not (url.startswith(("http://", "https://")) and urlsplit(url).netloc):
            raise ValueError("must be http://host:port or https://host:port")
        return url

    @property
    def archive_address(self) -> str | None:
        """The URL of the archive, the local folder included; None when nothing is archived."""
        if self.archive_url is None:
            return (self.data_dir.resolve() / "transcripts").as_uri()
        return None if self.archive_url in ("", "off") else self.archive_url

    @property
    def store_address(self) -> str:
        """The store's URL, the embedded one included."""
        return self.store_url or f"sqlite:///{self.data_dir.resolve() / 'store.db'}"

    @property
    def survives_power_cut(self) -> bool:
        """Whether SQLite waits for the disk."""
        return self.durability == "power"


def load_settings(**overrides: Any) -> Settings:
    """Reads `perennial.toml` (or the file that `PERENNIAL_CONFIG` names) and the environment.

    Raises:
        StartupProblem: a file is missing or something in it is wrong; the message names the key.
    """
    named = os.environ.get("PERENNIAL_CONFIG")
    path = Path(named or "perennial.toml")
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise StartupError(
            f"there is no configuration file {path}"
            + ("" if named else "; run from the project's folder or set PERENNIAL_CONFIG")
        ) from None
    except OSError as error:
        raise StartupError(f"the configuration file {path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # also what is not UTF-8
        raise StartupError(f"{path} is not valid TOML: {error}") from None
    try:
        return Settings(**{**values, **overrides})
    except ValidationError as error:
        raise StartupError(f"the settings are wrong ({path} or PERENNIAL_*): {mistakes(error)}") from None
    except SettingsError as error:
        raise StartupError(f"the settings are wrong (PERENNIAL_*): {error}") from None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
