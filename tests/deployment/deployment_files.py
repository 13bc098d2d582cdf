"""What Dockerfile and compose file run: the commands and the environment of their containers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.stack import ROOT

TOOLS = Path(sys.executable).parent
"""The folder of the tools of the test dependencies."""


def instruction(name: str) -> str:
    """The last instruction of this name in the Dockerfile, without its name."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return re.findall(rf"^{name} +(.*)$", text, re.MULTILINE)[-1].strip()


def image_environment() -> dict[str, str]:
    """The variables of the image."""
    return dict(pair.split("=", 1) for pair in instruction("ENV").split())


def compose_services() -> dict[str, Any]:
    """The services of the compose file, as Docker Compose reads them.

    Raises:
        CalledProcessError: the file is wrong.
    """
    command = [str(TOOLS / "docker-compose"), "-f", str(ROOT / "deploy" / "compose.yaml"), "config", "--format", "json"]
    variables = {**os.environ, "ENGINE_DATABASE_PASSWORD": "secret", "SITE": ""}
    return json.loads(subprocess.run(command, env=variables, capture_output=True, check=True, text=True).stdout)[
        "services"
    ]


def container_command(service: dict[str, Any]) -> list[str]:
    """The command of a container: the entry point of the image, and the command of the service or of the image."""
    return [*json.loads(instruction("ENTRYPOINT")), *(service["command"] or json.loads(instruction("CMD")))]


def health_command(service: dict[str, Any]) -> list[str]:
    """The command that checks a container: of the service, or of the image."""
    if "healthcheck" in service:
        return service["healthcheck"]["test"][1:]
    return json.loads(instruction("HEALTHCHECK").partition(" CMD ")[2])
