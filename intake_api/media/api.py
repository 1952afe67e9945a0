"""The doors to evidence."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Header, Path, Request, UploadFile
from fastapi.responses import FileResponse

from intake_api.contracts import MediaChange, MediaView
from intake_api.deps import Bearer, Channel, Config, Cookie, Db, Now, Person, Seal, Session, principal_of
from intake_api.http import MEDIA_LIMIT
from intake_api.media import service
from intake_api.media.tables import Evidence
from intake_api.problems import BY_STATUS, ProblemError, not_found
from intake_api.security import Principal

router = APIRouter(prefix="/v1", tags=["media"])
TicketId = Annotated[str, Path(max_length=36)]
Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the stored bytes.")]
Key = Annotated[str | None, Header(max_length=300, pattern=r"^[!-~]+$", description="The same key of a ticket is kept once.")]
MessageId = Annotated[str, Form(max_length=200, description="The message it came with.")]


FULL: dict[int | str, dict[str, Any]] = {507: {"description": "The file could not be stored."}}


@router.post("/tickets/{ticket_id}/media", summary="Hand over evidence", status_code=201, responses=FULL)
async def add_media(
    ticket_id: TicketId,
    file: Annotated[UploadFile, File(description="A photo, voice message, video or PDF of at most 10 MB.")],
    who: Channel,
    db: Db,
    settings: Config,
    now: Now,
    message_id: MessageId = "",
    idempotency_key: Key = None,
) -> MediaView:
    """Photos are drawn anew: place, camera and whatever else was hidden in them is gone. Private unless a person says otherwise."""
    data = await file.read(MEDIA_LIMIT + 1)
    if len(data) > MEDIA_LIMIT:
        raise ProblemError(413, *BY_STATUS[413])
    return _view(await service.add_evidence(db, settings.media_dir(), ticket_id, data, message_id, idempotency_key, who, now))


async def anybody(request: Request, db: Db, seal: Seal, bearer: Bearer, cookie: Cookie) -> Principal | None:
    """Who asks, or nobody; proof that is wrong is still refused."""
    return None if bearer is None and cookie is None else await principal_of(request, db, seal, bearer, cookie)


@router.get(
    "/media/{sha256}",
    summary="A piece of evidence",
    response_class=FileResponse,
    responses={200: {"content": {"image/jpeg": {}, "application/octet-stream": {}}, "description": "The bytes."}},
)
async def read_media(
    sha256: Digest, who: Annotated[Principal | None, Depends(anybody)], session: Session, settings: Config
) -> FileResponse:
    """For those who may see its ticket; public ones for everybody. Only photos are shown in a page, the rest is downloaded."""
    row = await service.find_evidence(session, sha256, who)
    path = service.path_of(settings.media_dir(), sha256)
    if not path.is_file():
        raise not_found("This file")
    shown = row.mime == "image/jpeg"
    headers = {
        "Cache-Control": "public, max-age=3600" if row.public else "private, max-age=3600",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Disposition": "inline" if shown else f'attachment; filename="{sha256[:12]}"',
    }
    return FileResponse(path, media_type=row.mime if shown else "application/octet-stream", headers=headers)


@router.patch("/tickets/{ticket_id}/media/{sha256}", summary="Make evidence public or private")
async def change_media(ticket_id: TicketId, sha256: Digest, body: MediaChange, who: Person, session: Session) -> MediaView:
    """A person of the ticket's area decides; nothing is public by itself."""
    return _view(await service.set_public(session, ticket_id, sha256, body.public, who))


def _view(row: Evidence) -> MediaView:
    return MediaView(
        sha256=row.sha256,
        ticket_id=row.ticket_id,
        mime=row.mime,
        size=row.size,
        width=row.width,
        height=row.height,
        message_id=row.message_id,
        public=row.public,
    )
