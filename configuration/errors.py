"""What can be wrong with a configuration."""

from __future__ import annotations


class InvalidConfiguration(ValueError):
    """An instance cannot be configured so; the message names what is wrong by its key: `workstreams.live.texts.greeting: ...`."""
