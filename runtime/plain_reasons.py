"""Why a call to the system or to another server has failed, in a few plain words, without its error number."""

from __future__ import annotations

import errno
import re
import socket

_REASONS = {
    errno.EACCES: "this user may not use it",
    errno.EPERM: "this user may not use it",
    errno.ECONNREFUSED: "nothing listens there",
    errno.ECONNRESET: "it has closed the connection",
    errno.EHOSTUNREACH: "the network does not lead there",
    errno.ENETUNREACH: "the network does not lead there",
    errno.ETIMEDOUT: "it does not answer in time",
    errno.EEXIST: "there is a file in place of the folder",
    errno.ENOENT: "the file or folder does not exist, and cannot be created",
    errno.ENOTDIR: "there is a file in place of the folder",
    errno.ENOSPC: "the disk is full",
    errno.EROFS: "the file system cannot be written",
}

_NUMBER = re.compile(r"\[Errno (\d+)\]|\(os error (\d+)\)")
"""How Python and Rust write the number of an error."""

_CODE = re.compile(r"<Code>(\w+)</Code>")
"""How S3 names an error."""

_UNSENT = ("error sending request", "All connection attempts failed")
"""What the clients of the archive and of keys say when there was no answer."""

_UNKNOWN_HOST = re.compile(r"\[Errno -\d+\]")
"""How a client of HTTP passes on an error of `getaddrinfo`. Only these errors have negative numbers."""


def plain_reason(error: BaseException) -> str:
    """The reason of an error. For one that is not known here it is the first line of its text, or its type."""
    text = str(error)
    if isinstance(error, socket.gaierror) or _UNKNOWN_HOST.match(text):
        return "there is no host of this name"
    if isinstance(error, TimeoutError) and not text:
        return _REASONS[errno.ETIMEDOUT]
    number = getattr(error, "errno", None)
    if number is None and (found := _NUMBER.search(text)):
        number = int(found[1] or found[2])
    if number in _REASONS:
        return _REASONS[number]
    if code := _CODE.search(text):
        return f"its server answers {code[1]}"
    if any(unsent in text for unsent in _UNSENT):
        return "its server does not answer"
    return text.partition("\n")[0] or type(error).__name__
