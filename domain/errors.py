"""Errors of the product, in the caller's terms. `api/errors.py` maps each class to its HTTP status and wire name.

`str()` of an error is its message. The message is for the caller: it names the member that is wrong, where there is one.
"""

from __future__ import annotations


class Fault(Exception):
    """Base class of all errors that a caller may see."""


class MalformedRequest(Fault):
    """The request does not have the shape of the operation, or the operation is not possible in the current state."""


class InvalidValue(Fault):
    """A member has the right type, but its value is not allowed."""


class RequestTooLarge(Fault):
    """The request body is longer than any operation accepts."""


class AccessDenied(Fault):
    """The credential is missing, wrong or expired, or does not permit the request."""


class UnknownToken(AccessDenied):
    """The token was never issued, or is of another kind of client."""


class InvalidSignature(AccessDenied):
    """The signature does not fit the request, or its date is too far from now. AWS SDKs retry by the name of this error."""


class NotFound(Fault):
    """The named resource does not exist, or the caller may not know that it exists."""


class ContactNotFound(NotFound):
    """The contact does not exist (StopContact has an error of its own for this)."""


class PositionGone(NotFound):
    """The events after the position in the feed are deleted."""


class UnknownOperation(Fault):
    """No operation has this method and path."""


class QuotaExceeded(Fault):
    """The limit for this kind of resource is reached."""


class TokenReused(Fault):
    """The `ClientToken` was used for another request."""

    def __init__(self) -> None:
        super().__init__(
            "ClientToken: was used for another request in the last seven days. Each request needs a new one."
        )


class NoReceipts(Fault):
    """Receipts are not possible while a supervisor takes part in the chat."""

    def __init__(self) -> None:
        super().__init__("There are no receipts while a supervisor takes part in the chat.")


class UploadChanged(Fault):
    """The upload that is completed is replaced by another one at the same time."""

    def __init__(self) -> None:
        super().__init__("AttachmentIds: another upload of the file has just arrived. Complete it again.")


class Throttled(Fault):
    """Too many requests or connections at once. The caller may retry after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooFast(Throttled):
    """The caller sends more requests than they may. The service itself is not overloaded."""


class LimitReached(TooFast):
    """The number of things that the caller may have at the same time is reached."""


class ConversationEnded(Fault):
    """The conversation's workflow is closed or does not exist."""

    def __init__(self) -> None:
        super().__init__("The chat has ended.")


class Unavailable(Fault):
    """The service cannot serve the request at the moment. The caller may retry."""


class UnexpectedError(Fault):
    """A defect of Perennial. The log has its cause."""

    def __init__(self) -> None:
        super().__init__("An unexpected error occurred.")


class StoreUnavailable(Unavailable):
    """The store was unreachable or did not answer in time. What was being written may still be stored."""

    def __init__(self) -> None:
        super().__init__("The store does not answer at the moment. Try again.")


class EngineUnavailable(Unavailable):
    """Temporal was unreachable, did not answer in time, or returned an error. What was sent may still take effect."""

    def __init__(self) -> None:
        super().__init__(
            "The conversation engine does not answer. The request may still take effect. "
            "It can be repeated, with the same ClientToken if it has one."
        )
