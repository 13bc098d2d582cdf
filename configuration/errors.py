"""The error of a wrong configuration."""

from __future__ import annotations


class InvalidConfiguration(ValueError):
    """The configuration of an instance is not valid. The message begins with the key: `workstreams.live.texts.greeting: ...`."""
