"""The doors to signing in, accounts and service tokens."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import APIRouter, Path, Request, Response

from intake_api.contracts import (
    AccountChange,
    AccountIn,
    AccountView,
    AreaIn,
    PersonRole,
    PersonView,
    SignInIn,
    TokenIn,
    TokenView,
)
from intake_api.deps import Administrator, Caller, Config, Cookie, Db, Now, Seal, Session, as_principal, unauthorised
from intake_api.people import queries, service
from intake_api.people.tables import Account, ServiceToken
from intake_api.security import SESSION_COOKIE, Principal, Sealer
from intake_api.settings import Settings

router = APIRouter(prefix="/v1", tags=["people"])
Login = Annotated[str, Path(max_length=100)]


def address_of(request: Request, settings: Settings) -> str:
    """Where a request came from; a proxy's word is believed only where the deployment says there is one."""
    if settings.trust_proxy and (forwarded := request.headers.get("x-forwarded-for")):
        return forwarded.rsplit(",", 1)[-1].strip()
    return request.client.host if request.client else ""


def set_session_cookie(response: Response, cookie: str, seal: Sealer, settings: Settings) -> None:
    response.set_cookie(
        SESSION_COOKIE, cookie, max_age=seal.max_age_s, httponly=True, samesite="lax", secure=settings.secure_cookie, path="/"
    )


def _person(principal: Principal, csrf: str) -> PersonView:
    area = principal.area
    shown = AreaIn(grid=area.grid, community=area.community, street=area.street, district=area.district, unit=area.unit)
    return PersonView(login=principal.id, name=principal.name, role=cast(PersonRole, principal.role), area=shown, csrf=csrf)


REFUSED: dict[int | str, dict[str, Any]] = {
    401: {"description": "The name or the password is wrong."},
    429: {"description": "Too many failed tries."},
}


@router.post("/session", summary="Sign in", responses=REFUSED)
async def sign_in(body: SignInIn, request: Request, response: Response, db: Db, seal: Seal, settings: Config, now: Now) -> PersonView:
    """Sets the session cookie. Five failures within a quarter of an hour close the name for that time."""
    account, cookie = await service.sign_in(db, seal, body.login, body.password, address_of(request, settings), now)
    set_session_cookie(response, cookie, seal, settings)
    claim = seal.read(cookie)
    return _person(as_principal(account), seal.csrf(claim) if claim else "")


@router.get("/session", summary="Who is signed in")
async def who(principal: Caller, seal: Seal, cookie: Cookie) -> PersonView:
    """The person of the session cookie with the CSRF token their pages must send; 401 for a service."""
    claim = seal.read(cookie) if cookie else None
    if principal.kind != "person" or claim is None:
        raise unauthorised("Nobody is signed in.")
    return _person(principal, seal.csrf(claim))


@router.delete("/session", summary="Sign out", status_code=204)
async def sign_out(principal: Caller, response: Response, session: Session) -> None:
    """Ends every session of this person, on every machine."""
    await service.sign_out_everywhere(session, principal.id)
    response.delete_cookie(SESSION_COOKIE, path="/")


@router.get("/accounts", summary="List accounts")
async def list_accounts(_: Administrator, session: Session) -> list[AccountView]:
    """Everybody who may sign in, by name."""
    return [_account(row) for row in await queries.accounts(session)]


@router.post("/accounts", summary="Open an account", status_code=201)
async def open_account(body: AccountIn, _: Administrator, session: Session, now: Now) -> AccountView:
    """A person with a role and an area; the password is kept as an argon2id hash."""
    return _account(await service.open_account(session, body, now))


@router.patch("/accounts/{login}", summary="Change or close an account")
async def change_account(login: Login, body: AccountChange, _: Administrator, session: Session) -> AccountView:
    """What is left out stays. The last administrator cannot be closed."""
    return _account(await service.change_account(session, login, body))


@router.get("/tokens", summary="List service tokens")
async def list_tokens(_: Administrator, session: Session) -> list[TokenView]:
    """Names and scopes; the tokens themselves cannot be read again."""
    return [_token(row) for row in await queries.service_tokens(session)]


@router.post("/tokens", summary="Make a service token", status_code=201)
async def make_token(body: TokenIn, principal: Administrator, session: Session, now: Now) -> TokenView:
    """The token is in this answer and nowhere else."""
    row, token = await service.make_token(session, body, principal.id, now)
    return _token(row, token)


@router.delete("/tokens/{name}", summary="Withdraw a service token", status_code=204)
async def withdraw_token(name: Login, _: Administrator, session: Session) -> None:
    """The token stops working at once."""
    await service.withdraw_token(session, name)


def _account(row: Account) -> AccountView:
    area = AreaIn(grid=row.grid, community=row.community, street=row.street, district=row.district, unit=row.unit)
    return AccountView(login=row.login, name=row.name, role=row.role, area=area, active=row.active, created_at=row.created_at)


def _token(row: ServiceToken, token: str = "") -> TokenView:
    return TokenView(name=row.name, scopes=list(row.scopes), area=AreaIn(**row.area), created_at=row.created_at, token=token)
