"""The version of the product."""

from __future__ import annotations

VERSION = "0.1.0"
"""The same as in `pyproject.toml`: the product runs from its source folder, where no package metadata exists."""
