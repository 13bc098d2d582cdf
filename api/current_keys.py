"""The keys that are valid at present: token keys and access keys, read again when their files change."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from api.tokens import Tokens
from runtime.errors import StartupError
from runtime.periodic import PeriodicTask, PeriodicTasks
from runtime.secret_files import secret_files
from runtime.settings import Settings, configuration_file, load_settings

logger = logging.getLogger(__name__)

LOOK_EVERY = timedelta(seconds=5)
"""How often the files are compared with what was read last."""


class CurrentKeys(PeriodicTasks):
    """Follows the files of secrets and the configuration file. Of all settings only the keys change while the process runs."""

    def __init__(self, settings: Settings, tokens: Tokens, every: timedelta = LOOK_EVERY) -> None:
        """Prepare.

        Args:
            settings: the settings at the start.
            tokens: gets the token keys when they change.
            every: how often to look.
        """
        self.settings = settings
        """The settings at the start, with the access keys that are valid now."""
        self._tokens = tokens
        self._seen = _contents()
        super().__init__(PeriodicTask("look for changed keys", self._look, every))

    async def _look(self) -> None:
        contents = _contents()
        if contents == self._seen:
            return
        self._seen = contents
        try:
            new = load_settings()
        except StartupError as problem:
            logger.error("the keys stay as they are: %s", problem)
            return
        if new.access_keys != self.settings.access_keys:
            self.settings = self.settings.model_copy(update={"access_keys": new.access_keys})
            logger.info("the access keys have changed: %s", ", ".join(new.access_keys) or "there are none")
        if new.token_keys and self._tokens.replace_keys(new.token_keys):
            logger.info("the token keys have changed: there are %d", len(new.token_keys))


def _contents() -> Mapping[Path, bytes | None]:
    paths = [*secret_files(os.environ).values(), configuration_file()]
    return {path: _content(path) for path in paths}


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
