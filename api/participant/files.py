"""The URLs of files: a client sends the bytes of an attachment with PUT, and gets them with GET.

The token in a URL is for one file and one method: PUT or GET. It needs no other credential, because clients send none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from api.connection_limits import RELEASE
from api.dependencies import Services, ServicesInRequest
from api.errors import render
from api.file_responses import file_response
from api.openapi import DescribedRoute
from api.tokens import TokenKind
from domain.errors import AccessDenied, Fault, InvalidValue, MalformedRequest
from engine.attachment_files import WRONG_SIZE
from runtime.logs import CONTACT, INSTANCE
from store import attachments
from store.attachments import StoredAttachment

router = APIRouter(route_class=DescribedRoute)

PATH = "/participant/file"


def file_url(
    request: Request, services: Services, kind: TokenKind, id: str, by: str, life: timedelta, **claims: str
) -> str:
    """Return a URL for one attachment.

    Args:
        request: the request that asks for it; its host is that of the URL, unless `public_url` is set.
        services: the parts of the process.
        kind: `UPLOAD` or `DOWNLOAD`.
        id: the attachment.
        by: the participant who uses the URL.
        life: how long it is valid.
        claims: further claims of the token.
    """
    base = services.settings.public_url or str(request.base_url)
    return f"{base.rstrip('/')}{PATH}?token={services.tokens.make(kind, id, life, by=by, **claims)}"


@router.put(PATH, response_class=Response)
async def put_file(request: Request, services: ServicesInRequest, token: str = "") -> Response:
    """Takes the bytes of an attachment, at the URL of StartAttachmentUpload. A later PUT replaces an earlier one."""
    _, found = await _attachment(request, services, TokenKind.UPLOAD, token)
    if found.accepted_at is not None:
        raise AccessDenied("The upload is complete already.")
    announced = request.headers.get("content-length")
    if announced is not None and announced != str(found.size):
        raise InvalidValue(WRONG_SIZE.format(size=found.size))
    try:
        await services.attachments.receive(found, _pieces(request))
    except ClientDisconnect:
        raise MalformedRequest("The request ended before the end of its body.") from None
    return Response()


@router.get(PATH, response_class=Response)
async def get_file(request: Request, services: ServicesInRequest, token: str = "") -> Response:
    """Returns the bytes of an attachment, at the URL of GetAttachment. An error has no body: ChatJS takes a body for the file."""
    try:
        claims, found = await _attachment(request, services, TokenKind.DOWNLOAD, token)
        shown = "inline" if claims.get("show") == "inline" else "attachment"
        return await file_response(request, services.attachments.files, found, shown)
    except Fault as fault:
        rendered = render(fault, PATH)
        kept = ("x-amzn-errortype", "retry-after")
        headers = {name: rendered.headers[name] for name in kept if name in rendered.headers}
        return Response(status_code=rendered.status_code, headers=headers)


async def _attachment(
    request: Request, services: Services, kind: TokenKind, token: str
) -> tuple[dict[str, Any], StoredAttachment]:
    """Return the claims of a URL, and the attachment that it is for."""
    async with services.limits.checking_token(request):
        claims = services.tokens.verify(kind, token)
    await services.limits.take_for_participant(PATH, str(claims.get("by")))
    found = await attachments.find_attachment(services.db, claims["sub"])
    if found is None:
        raise AccessDenied("The attachment does not exist any more.")
    INSTANCE.set(found.instance)
    CONTACT.set(found.contact_id)
    return claims, found


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """Yield the body piece by piece. What is taken counts no more as held by the connection."""
    release = request.scope.get(RELEASE)
    async for piece in request.stream():
        if release:
            release(len(piece))
        yield piece
