"""What a door needs from its surroundings: one database session a request, the clock, and who is asking."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.db import Database
from intake_api.people import queries as people
from intake_api.people.tables import Account
from intake_api.problems import ProblemError, forbidden
from intake_api.security import CSRF_FIELD, CSRF_HEADER, SESSION_COOKIE, Area, Principal, Scope, Sealer, same, token_digest
from intake_api.settings import Settings
from intake_api.vault import Vault

_bearer = HTTPBearer(auto_error=False, scheme_name="serviceToken", description="A service's token.")
_cookie = APIKeyCookie(
    name=SESSION_COOKIE,
    auto_error=False,
    scheme_name="session",
    description="A person's signed session; changes need X-CSRF-Token.",
)
_SAFE = ("GET", "HEAD", "OPTIONS")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


# all of these are coroutines: FastAPI would send plain functions through a thread, which costs more than they do
async def settings_of(request: Request) -> Settings:
    found: Settings = request.app.state.settings
    return found


async def now_of(request: Request) -> datetime:
    clock: Callable[[], datetime] = request.app.state.now
    return clock()


async def sealer_of(request: Request) -> Sealer:
    found: Sealer = request.app.state.sealer
    return found


async def database_of(request: Request) -> Database:
    found: Database = request.app.state.db
    return found


async def session_of(request: Request, db: Annotated[Database, Depends(database_of)]) -> AsyncIterator[AsyncSession]:
    """The request's session: one that only reads for GET; else committed once, after the door has returned and before the answer
    leaves, and rolled back on any error."""
    async with db.reading() if request.method in _SAFE else db.writing() as session:
        yield session


async def vault_of(request: Request) -> Vault:
    found: Vault = request.app.state.vault
    return found


Session = Annotated[AsyncSession, Depends(session_of, scope="function")]
Db = Annotated[Database, Depends(database_of)]
Now = Annotated[datetime, Depends(now_of)]
Config = Annotated[Settings, Depends(settings_of)]
Safe = Annotated[Vault, Depends(vault_of)]
Seal = Annotated[Sealer, Depends(sealer_of)]
Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
Cookie = Annotated[str | None, Security(_cookie)]


def unauthorised(detail: str) -> ProblemError:
    return ProblemError(401, "unauthorised", detail, headers={"WWW-Authenticate": 'Bearer realm="minhu"'})


async def principal_of(request: Request, db: Db, seal: Seal, bearer: Bearer, cookie: Cookie) -> Principal:
    """Who asks. Raises 401 without valid proof, 403 when a page's CSRF token is missing or of another session.

    Looks in a session of its own, so that a request that is slow in other ways does not hold the database meanwhile.
    """
    if bearer is not None:
        return await _service(request, db, bearer.credentials)
    person = await person_behind(db, seal, cookie)
    if person is None:
        raise unauthorised("Sign in, or send a service token as Authorization: Bearer.")
    if request.method not in _SAFE:
        await require_csrf(request, seal, cookie)
    return person


async def _service(request: Request, db: Database, token: str) -> Principal:
    digest = token_digest(token)
    own: str = request.app.state.own_token_digest
    if own and same(digest, own):
        return Principal("service", "assistant", "assistant", "service", scopes=frozenset({"assistant", "channel", "reader"}))
    async with db.reading() as session:
        known = await people.service_token(session, digest)
    if known is None:
        raise unauthorised("This token is not known or was withdrawn; ask an administrator for a new one.")
    return Principal("service", known.name, known.name, "service", Area(**known.area), frozenset(known.scopes))


async def person_behind(db: Database, seal: Sealer, cookie: str | None) -> Principal | None:
    """The person of a session cookie; None when it is missing, forged, too old, or the account was closed or changed since."""
    claim = seal.read(cookie) if cookie else None
    if claim is None:
        return None
    async with db.reading() as session:
        account = await people.account(session, claim.login)
    if account is None or not account.active or account.generation != claim.generation:
        return None
    return as_principal(account)


def as_principal(account: Account) -> Principal:
    area = Area(account.grid, account.community, account.street, account.district, account.unit)
    return Principal("person", account.login, account.name, account.role, area)


async def require_csrf(request: Request, seal: Sealer, cookie: str | None) -> None:
    """The CSRF token of this very session must come in the header, or in the `csrf` field of a form. Raises 403."""
    claim = seal.read(cookie) if cookie else None
    sent = request.headers.get(CSRF_HEADER, "")
    if not sent and request.headers.get("content-type", "").startswith(_FORMS):
        sent = str((await request.form()).get(CSRF_FIELD, ""))
    if claim is None or not same(sent, seal.csrf(claim)):
        raise forbidden("The page is too old or came from elsewhere; load it again and repeat.", "csrf")


Caller = Annotated[Principal, Depends(principal_of)]


def allow(*scopes: Scope, people: Literal["none", "administrators", "all"] = "all") -> Callable[[Principal], Awaitable[Principal]]:
    """A dependency that lets in services with one of `scopes`, and those `people`. Raises 401 or 403."""

    async def check(principal: Caller) -> Principal:
        if principal.kind == "service":
            if not principal.scopes & set(scopes):
                raise forbidden("This token may not do that; ask an administrator for one with the right scope.")
        elif people == "none":
            raise forbidden("Only services may do that.")
        elif people == "administrators" and not principal.is_administrator:
            raise forbidden("Only an administrator may do that.")
        return principal

    return check


Assistant = Annotated[Principal, Depends(allow("assistant", people="none"))]
Channel = Annotated[Principal, Depends(allow("assistant", "channel"))]
Reader = Annotated[Principal, Depends(allow("assistant", "channel", "reader"))]
Person = Annotated[Principal, Depends(allow(people="all"))]
Administrator = Annotated[Principal, Depends(allow(people="administrators"))]
AssistantOrAdministrator = Annotated[Principal, Depends(allow("assistant", people="administrators"))]
