"""The doors to grids, rosters and chats."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from intake_api.contracts import (
    BindIn,
    ChatSettings,
    ChatView,
    GridIn,
    GridView,
    LinkIn,
    MigrateIn,
    OneTimeCodeView,
    StaffView,
)
from intake_api.deps import Administrator, Assistant, AssistantOrAdministrator, Channel, Config, Now, Reader, Session
from intake_api.grids import queries, service
from intake_api.problems import forbidden, invalid, not_found
from intake_api.security import Principal

router = APIRouter(prefix="/v1", tags=["grids"])
Code = Annotated[str, Path(max_length=100, description="A grid's code.")]
StaffId = Annotated[str, Path(max_length=100)]
ChannelName = Annotated[str, Path(max_length=100, examples=["web"])]
ChatId = Annotated[str, Path(max_length=200)]


@router.get("/grids", summary="List grids")
async def list_grids(who: Reader, session: Session) -> list[GridView]:
    """The grids of the caller's area, with gazetteer and roster."""
    views = await queries.grid_views(session, await queries.grids(session, who.area))
    return [_for(who, view) for view in views]


@router.get("/grids/{code}", summary="One grid")
async def read_grid(code: Code, who: Reader, session: Session) -> GridView:
    """Gazetteer and roster. Workers' accounts are shown to our own services and administrators only."""
    row = await queries.grid(session, code)
    if row is None:
        raise not_found("This grid")
    if not _covers(who, row.code, row.community, row.street, row.district):
        raise forbidden("This grid lies outside your area.", "outside_area")
    return _for(who, (await queries.grid_views(session, [row]))[0])


def _covers(who: Principal, grid: str, community: str, street: str, district: str) -> bool:
    units = (who.area.unit,)  # a department works in every grid of its area
    return who.area.covers(grid=grid, community=community, street=street, district=district, units=units)


def _for(who: Principal, view: GridView) -> GridView:
    if who.is_administrator or "assistant" in who.scopes:
        return view
    return view.model_copy(update={"staff": [person.model_copy(update={"handles": []}) for person in view.staff]})


@router.put("/grids/{code}", summary="Make or replace a grid")
async def put_grid(code: Code, body: GridIn, who: Administrator, session: Session, now: Now) -> GridView:
    """The whole grid. Who is no longer on the roster loses their linked accounts; who stays keeps theirs."""
    if body.code != code:
        raise invalid("code_differs", "The code in the address and in the body differ.")
    known = await queries.grid(session, code)
    here = (body.community, body.street, body.district) if known is None else (known.community, known.street, known.district)
    if not _covers(who, code, *here) or not _covers(who, code, body.community, body.street, body.district):
        raise forbidden("This grid lies outside your area.", "outside_area")
    row = await service.put_grid(session, body, now)
    return (await queries.grid_views(session, [row]))[0]


@router.post("/grids/{code}/bind-codes", summary="Make a bind code", status_code=201)
async def make_bind_code(code: Code, who: Administrator, session: Session, now: Now) -> OneTimeCodeView:
    """For `/bind` in the group; one use, one day. Only its digest is kept."""
    secret, expires_at = await service.make_bind_code(session, code, who.id, now)
    return OneTimeCodeView(code=secret, grid=code, expires_at=expires_at)


@router.post("/staff/{id}/start-link", summary="Make a personal start link", status_code=201)
async def make_start_link(id: StaffId, who: Administrator, session: Session, now: Now, settings: Config) -> OneTimeCodeView:
    """The worker opens it once in their own chat; from then on their cards come there. Good for a week."""
    token, person, expires_at = await service.make_start_link(session, id, who.id, now)
    url = f"https://t.me/{settings.telegram_name}?start={token}" if settings.telegram_name else ""
    return OneTimeCodeView(code=token, grid=person.grid, staff=person.id, expires_at=expires_at, url=url)


@router.post("/staff/link", summary="Link a worker's account")
async def link_staff(body: LinkIn, _: Assistant, session: Session, now: Now) -> StaffView:
    """Called when a start link is opened. The same account may repeat it; another account is refused."""
    person = await service.link(session, body, now)
    return next(view for view in await queries.roster(session, person.grid) if view.id == person.id)


@router.delete("/staff/{id}/handles/{handle}", summary="Unlink a worker's account", status_code=204)
async def unlink_staff(id: StaffId, handle: Annotated[str, Path(max_length=300)], _: Administrator, session: Session) -> None:
    """For a lost phone or somebody who left; nothing happens when it was not linked."""
    await service.unlink(session, id, handle)


@router.post("/chats/bind", summary="Bind a group to a grid")
async def bind_chat(body: BindIn, _: Assistant, session: Session, now: Now) -> ChatView:
    """With the one-time code of an administrator. The same group may repeat it."""
    await service.bind(session, body, now)
    return await queries.chat_view(session, body.channel, body.chat_id)


@router.get("/chats/{channel}/{chat_id:path}", summary="One chat with its grid")
async def read_chat(channel: ChannelName, chat_id: ChatId, _: Channel, session: Session) -> ChatView:
    """Grid, gazetteer, roster and settings; an old id of a group that moved leads to the new one. No grid when never bound."""
    return await queries.chat_view(session, channel, chat_id)


@router.put("/chats/{channel}/{chat_id:path}/settings", summary="Change a chat's settings")
async def put_settings(
    channel: ChannelName, chat_id: ChatId, body: ChatSettings, _: AssistantOrAdministrator, session: Session
) -> ChatView:
    """Mute, quiet hours, kill switch."""
    await service.put_settings(session, channel, chat_id, body)
    return await queries.chat_view(session, channel, chat_id)


@router.post("/chats/migrate", summary="A group got another id")
async def migrate_chat(body: MigrateIn, _: Assistant, session: Session) -> ChatView:
    """Binding, settings and open tickets follow. Repeating it changes nothing."""
    await service.migrate(session, body)
    return await queries.chat_view(session, body.channel, body.to_chat_id)
