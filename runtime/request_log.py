"""The id of a request in the log: each line that is logged for a request ends with its id."""

from __future__ import annotations

import logging
from contextvars import ContextVar

REQUEST_ID: ContextVar[str | None] = ContextVar("REQUEST_ID", default=None)
"""Id of the request that this task serves; None outside of requests."""


class RequestLogFormatter(logging.Formatter):
    """The format of the log of every process."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line, with the id of the request if there is one."""
        line, request_id = super().formatMessage(record), REQUEST_ID.get()
        return f"{line} [request {request_id}]" if request_id else line
