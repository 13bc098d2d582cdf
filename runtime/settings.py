"""The frozen settings of a process: `perennial.toml`, overridden by variables `PERENNIAL_*`.

A variable that holds a whole table as JSON (`PERENNIAL_ACCESS_KEYS={}`) replaces the file's table. A variable that names a key
inside a table (`PERENNIAL_ACCESS_KEYS__crm__secret=...`) changes that key and keeps the rest.

The Temporal server to connect to is not set here but by Temporal's own variables (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`,
`TEMPORAL_TLS*`, `TEMPORAL_API_KEY`), see `runtime.temporal`.
"""

from __future__ import annotations

import os
import re
import tomllib
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from socket import getaddrinfo
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, IPvAnyNetwork, StringConstraints, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError
from sqlalchemy.engine import make_url

from configuration.schema.access_keys import AccessKeySettings, digest_of
from configuration.schema.instances import InstanceSettings
from configuration.schema.limits import LimitSettings
from configuration.schema.scanners import ScannerAddress
from configuration.schema.sections import Identifier, Positive, Seconds, mistakes
from runtime.environment import wrong_variable
from runtime.errors import StartupError
from runtime.secret_files import secrets

DEMO_SECRET = "perennial-demo-secret"  # noqa: S105 - it is published, and refused beyond loopback
"""The published secret of the demo key. A process that listens beyond loopback refuses to start with it."""


NotNegative = Annotated[timedelta, Field(ge=timedelta(0)), Seconds]
"""A duration that may be 0."""


_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?")

MIN_KEY_LENGTH = 32
"""Characters that a secret of tokens, of the encryption or of the codec has at least."""

Secret = Annotated[str, StringConstraints(min_length=MIN_KEY_LENGTH)]


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(env_prefix="PERENNIAL_", env_nested_delimiter="__", frozen=True, extra="forbid")

    data_dir: Path = Path(".perennial")
    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8080, ge=0, le=65535)
    public_url: str | None = None
    """Base URL under which browsers reach the API (`https://chat.example.org`). None: the base URL of the request."""
    trusted_proxies: tuple[IPvAnyNetwork, ...] = (ip_network("127.0.0.0/8"), ip_network("::1"))
    """Networks of the proxies whose `X-Forwarded-*` headers are believed."""
    worker_host: str = "127.0.0.1"
    worker_port: int | None = Field(default=None, ge=0, le=65535)
    """Where a worker answers probes. 0: the system chooses the port. None: 8081, and in the all-in-one start as 0."""
    temporal_port: int = Field(default=7233, ge=1, le=65535)
    ui_port: int = Field(default=8233, ge=1, le=65535)
    temporal_task_queue: str = "conversations"
    store_url: str | None = None
    """`sqlite:///path` or `postgresql://...`. None: a SQLite file in the data folder."""
    store_pool: int = Field(default=10, ge=1)
    durability: Literal["process", "power"] = "process"
    """The failure that an acknowledged message survives on SQLite: a crash of every process, or also a power cut (slower)."""
    archive_url: str | None = None
    """Where the transcripts of ended contacts are stored: `file:///folder`, `s3://bucket/prefix`, or `off`. None: the folder
    `transcripts` in the data folder. S3 is configured by `AWS_*` variables (`AWS_ACCESS_KEY_ID`, `AWS_REGION`...)."""
    archive_endpoint: str | None = None
    """Base URL of an S3-compatible server (`https://minio.example.org:9000`). None: Amazon S3."""
    attachment_scanner: ScannerAddress = None
    """What looks at each attachment before others see it: `clamd://host:port`, or the URL of an HTTP service that takes the
    requests of Amazon Connect. None: nothing does."""
    attachment_uploads: Literal["api", "s3"] = "api"
    """Where clients send attachments: through the API, or straight to the archive in S3, by signed URLs."""
    token_keys: tuple[Secret, ...] = ()
    """Secrets of tokens: the first signs, all verify. `python -m api` needs them. Without any, the all-in-one process generates
    one and keeps it in the data folder."""
    encryption_keys: tuple[Secret, ...] = ()
    """Secrets of the encryption of what Temporal stores: the first encrypts, all decrypt. None: nothing is encrypted."""
    codec_tokens: tuple[Secret, ...] = ()
    """Secrets with which the Temporal UI and command have payloads decrypted at `/codec`. Without any it does not exist."""
    codec_origins: tuple[str, ...] = ()
    """Origins of the Temporal UIs whose pages may call `/codec`, such as `https://temporal.example.org`."""
    allowed_origins: tuple[str, ...] | None = None
    """Origins (`https://shop.example.org`) whose pages may call the participant plane and the desk. `*`: any. None: those on
    loopback, any port. Pages of the API's own origin always may."""
    allowed_hosts: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = ()
    """Names under which requests may reach the API, besides loopback's, IP addresses, and that of `public_url`."""
    participant_token_life: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=365)), Seconds] = timedelta(
        days=7
    )
    reconnect_link_life: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=365)), Seconds] = timedelta(
        days=30
    )
    connection_token_life: Annotated[timedelta, Field(gt=timedelta(minutes=2), lt=timedelta(days=24)), Seconds] = (
        timedelta(days=1)
    )
    presence_debounce: NotNegative = timedelta(seconds=5)
    """Time after which a lost connection of a participant counts as lost; a page refresh takes less."""
    presence_lease: Positive = timedelta(seconds=15)
    stop_notice: NotNegative = timedelta(seconds=5)
    """How long an API process that stops serves as before, so that load balancers notice that it is not ready."""
    stop_time: Positive = timedelta(seconds=25)
    """How long the stop of a worker or API process takes at most. Platforms kill after 30 s."""
    agent_disconnect_grace: NotNegative = timedelta(seconds=150)
    """Grace period after which an agent without a connection becomes offline."""
    positions_every: Positive = timedelta(seconds=30)
    """Interval at which customers of live chats receive their queue position, if it has changed."""
    same_customer: bool = True
    """Whether a past contact with a `CustomerId` can only be rehydrated with the same one."""
    sockets_per_participant: int = Field(default=10, ge=2)
    sockets_per_agent: int = Field(default=10, ge=2)
    limits: LimitSettings = LimitSettings()
    unrecorded_messages: int = Field(default=300, ge=1)
    """How many messages that an API process has accepted may wait to be recorded. As many new ones wait for room, at most 2 s;
    the rest is throttled (429)."""
    recycle_after: int = Field(default=2_000, ge=20)
    """Number of history events, roughly, after which a workflow continues as new; a quarter of them in a quiet moment."""
    cached_conversations: int = Field(default=1_000, ge=0)
    audit_retention: Positive = timedelta(days=365)
    """How long the audit log keeps its entries."""
    event_retention: Positive = timedelta(days=7)
    """How long the feed keeps its events."""
    webhook_hosts: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = ()
    """The only hosts to which webhooks are sent. None: all but loopback, link-local and metadata addresses."""
    webhook_loopback: bool = False
    """Whether webhooks may reach addresses of this machine. The all-in-one start allows it."""
    retention_every: Positive = timedelta(hours=1)
    """How often conversations past the retention of their workstream, and old entries of the audit log, are deleted."""
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] | None = None
    """The lowest level that is logged. None: `info`, and `warning` in the all-in-one start."""
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
        """Variables override arguments, which are the file."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _demo_key_needs_loopback(self) -> Self:
        if not any(key.digest == digest_of(DEMO_SECRET) for key in self.access_keys.values()):
            return self
        remedy = (
            "but the demo access key is configured, whose secret is published: replace it, in access_keys of the file or by "
            "PERENNIAL_ACCESS_KEYS"
        )
        if not is_loopback(self.api_host):
            raise ValueError(f"api_host {self.api_host!r} is not loopback, {remedy}")
        if self.public_url and not is_loopback(urlsplit(self.public_url).hostname or ""):
            raise ValueError(f"public_url {self.public_url} is not loopback, {remedy}")
        return self

    @model_validator(mode="after")
    def _notice_is_part_of_stop(self) -> Self:
        if self.stop_notice >= self.stop_time:
            raise ValueError("stop_notice must be shorter than stop_time, of which it is a part")
        return self

    @model_validator(mode="after")
    def _uploads_to_s3_need_s3(self) -> Self:
        if self.attachment_uploads == "s3" and not (self.archive_url or "").startswith("s3://"):
            raise ValueError("attachment_uploads can be s3 only if archive_url begins with s3://")
        return self

    @field_validator("access_keys")
    @classmethod
    def _secrets_differ(cls, keys: dict[str, AccessKeySettings]) -> dict[str, AccessKeySettings]:
        owners: dict[str, str] = {}
        for name, key in keys.items():
            if (other := owners.setdefault(key.digest, name)) != name:
                raise ValueError(f"{other} and {name} have the same secret; each key needs its own")
        return keys

    @model_validator(mode="after")
    def _instances_of_access_keys_exist(self) -> Self:
        for name, key in self.access_keys.items():
            if unknown := sorted(key.instances - self.instances.keys()):
                raise ValueError(f"access_keys.{name}.instances: there is no instance {unknown[0]!r}")
        return self

    @field_validator("store_url")
    @classmethod
    def _is_store_url(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("sqlite:///", "postgresql://", "postgres://")):
            raise ValueError("must be sqlite:///path or postgresql://...")
        return url

    @field_validator("archive_url")
    @classmethod
    def _is_archive_url(cls, url: str | None) -> str | None:
        if url in (None, "", "off"):
            return url
        parts = urlsplit(url)
        if (parts.scheme == "file" and not parts.netloc and parts.path.startswith("/")) or (
            parts.scheme == "s3" and parts.netloc
        ):
            return url
        raise ValueError("must be file:///folder, s3://bucket/prefix or off")

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for origin in origins or ():
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} must be an origin like https://shop.example.org, without a path, or *")
        return origins

    @field_validator("public_url", "archive_endpoint")
    @classmethod
    def _is_base_url(cls, url: str | None) -> str | None:
        if url and not (url.startswith(("http://", "https://")) and urlsplit(url).netloc):
            raise ValueError("must begin with http:// or https://, and name a host")
        return url

    @property
    def archive_address(self) -> str | None:
        """The URL of the archive: the configured one, or that of the default folder. None when archiving is off."""
        if self.archive_url is None:
            return (self.data_dir.resolve() / "transcripts").as_uri()
        return None if self.archive_url in ("", "off") else self.archive_url

    @property
    def store_address(self) -> str:
        """The URL of the store: the configured one, or that of the default file."""
        return self.store_url or f"sqlite:///{self.data_dir.resolve() / 'store.db'}"

    @property
    def survives_power_cut(self) -> bool:
        """Whether SQLite waits for the disk on every write."""
        return self.durability == "power"


def configuration_file() -> Path:
    """The file with the settings: `perennial.toml`, or the one that `PERENNIAL_CONFIG` names."""
    return Path(os.environ.get("PERENNIAL_CONFIG") or "perennial.toml")


def store_file(address: str) -> Path | None:
    """The file of a store on SQLite; None for a store on PostgreSQL."""
    url = make_url(address)
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def load_settings(*, needs_file: bool = True, **overrides: Any) -> Settings:
    """Read `perennial.toml` (or the file that `PERENNIAL_CONFIG` names) and the environment.

    Args:
        needs_file: whether a missing file is a mistake. A file that `PERENNIAL_CONFIG` names must always exist.
        overrides: values that override the file; variables override them.

    Raises:
        StartupError: the file is missing, or a value is wrong; the message names the key.
    """
    named, path = os.environ.get("PERENNIAL_CONFIG"), configuration_file()
    try:
        values = tomllib.loads(path.read_text("utf-8")) if needs_file or named or path.exists() else {}
    except FileNotFoundError:
        raise StartupError(
            f"there is no configuration file {path}"
            + ("" if named else "; run from the project's folder or set PERENNIAL_CONFIG")
        ) from None
    except OSError as error:
        raise StartupError(f"the configuration file {path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise StartupError(f"{path} is not valid TOML: {error}") from None
    if mistake := wrong_variable(os.environ, Settings.model_fields):
        raise StartupError(f"the settings are wrong: {mistake}")
    try:
        return Settings(**{**_without_replaced_tables(values), **overrides, **secrets(os.environ)})
    except ValidationError as error:
        raise StartupError(f"the settings are wrong ({path} or PERENNIAL_*): {mistakes(error, Settings)}") from None
    except SettingsError as error:
        raise StartupError(f"the settings are wrong (PERENNIAL_*): {error}") from None


def _without_replaced_tables(values: dict[str, Any]) -> dict[str, Any]:
    """The values of the file without the tables that a variable replaces; pydantic would merge the two."""
    variables = {name.lower() for name in os.environ}
    return {
        key: value for key, value in values.items() if not (isinstance(value, dict) and f"perennial_{key}" in variables)
    }


def is_loopback(host: str) -> bool:
    """Whether a host is this machine for itself alone: a loopback address, or `localhost`, if it resolves to nothing else."""
    try:
        return _is_loopback_address(host)
    except ValueError:
        return host == "localhost" and all(_is_loopback_address(each) for each in _addresses(host))


def _is_loopback_address(text: str) -> bool:
    address = ip_address(text)
    # versions of Python differ about IPv4 addresses that are mapped to IPv6
    return address.is_loopback and getattr(address, "ipv4_mapped", None) is None


def _addresses(host: str) -> set[str]:
    try:
        return {str(found[4][0]) for found in getaddrinfo(host, None)}
    except OSError:
        return set()
