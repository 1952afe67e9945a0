"""Signing in and out, and keeping accounts and service tokens."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.contracts import AccountChange, AccountIn, AreaIn, PersonRole, TokenIn
from intake_api.db import Database
from intake_api.people import queries
from intake_api.people.tables import Account, ServiceToken, SignInFailure
from intake_api.problems import ProblemError, conflict, invalid, not_found
from intake_api.security import Area, Sealer, has_an_area, hash_password, new_token, password_fits, token_digest

WINDOW = timedelta(minutes=15)
TRIES_OF_A_LOGIN = 5
TRIES_OF_AN_ADDRESS = 30
log = structlog.get_logger()


async def sign_in(db: Database, seal: Sealer, login: str, password: str, address: str, now: datetime) -> tuple[Account, str]:
    """The account and its fresh session cookie.

    Raises 401 `wrong_password` (the same for an account that does not exist or was closed), and 429 `too_many_tries` after
    five failures of one name or thirty of one address within a quarter of an hour. Failures are kept whatever is raised.
    """
    login_digest, address_digest = token_digest("login:" + login), token_digest("address:" + address)
    async with db.reading() as session:
        of_login, of_address = await queries.failures_since(session, now - WINDOW, login_digest, address_digest)
        account = await queries.account(session, login)
    if of_login >= TRIES_OF_A_LOGIN or of_address >= TRIES_OF_AN_ADDRESS:
        log.warning("sign_in.throttled")
        wait = str(int(WINDOW.total_seconds()))
        raise ProblemError(
            429,
            "too_many_tries",
            "Too many failed tries; wait a quarter of an hour.",
            retryable=True,
            headers={"Retry-After": wait},
        )
    usable = account is not None and account.active
    fits = await asyncio.to_thread(password_fits, password, account.password_hash if account and usable else None)
    if account is None or not fits:
        async with db.writing() as session:
            session.add(SignInFailure(login_digest=login_digest, address_digest=address_digest, at=now))
            await session.execute(delete(SignInFailure).where(SignInFailure.at < now - timedelta(days=1)))
        log.info("sign_in.failed")
        raise ProblemError(401, "wrong_password", "The name or the password is wrong.")
    async with db.writing() as session:
        await session.execute(delete(SignInFailure).where(SignInFailure.login_digest == login_digest))
    log.info("sign_in.succeeded", role=account.role)
    return account, seal.cookie(account.login, account.generation)


async def sign_out_everywhere(session: AsyncSession, login: str) -> None:
    """Every session cookie of the account stops working."""
    account = await queries.account(session, login)
    if account is not None:
        account.generation += 1


async def open_account(session: AsyncSession, wanted: AccountIn, now: datetime) -> Account:
    """Raises 409 `login_taken`, 422 `area_missing`."""
    if await queries.account(session, wanted.login) is not None:
        raise conflict("login_taken", "There is an account with this sign-in name; choose another.")
    _require_area(wanted.role, Area(**wanted.area.model_dump()))
    account = Account(
        login=wanted.login,
        name=wanted.name,
        role=wanted.role,
        password_hash=await asyncio.to_thread(hash_password, wanted.password),
        **wanted.area.model_dump(),
        created_at=now,
        active=True,
        generation=1,
    )
    session.add(account)
    await session.flush()
    return account


async def change_account(session: AsyncSession, login: str, change: AccountChange) -> Account:
    """Raises 404, 409 `last_administrator` (somebody must be left to let others in), 422 `area_missing`."""
    account = await queries.account(session, login)
    if account is None:
        raise not_found("This account")
    loses_power = change.active is False or (change.role is not None and change.role != "administrator")
    if account.role == "administrator" and account.active and loses_power and await queries.active_administrators(session) == 1:
        raise conflict("last_administrator", "This is the only administrator; make another one first.")
    if change.password is not None:
        account.password_hash = await asyncio.to_thread(hash_password, change.password)
    if change.name is not None:
        account.name = change.name
    if change.role is not None:
        account.role = change.role
    if change.area is not None:
        for field, value in change.area.model_dump().items():
            setattr(account, field, value)
    if change.active is not None:
        account.active = change.active
    _require_area(account.role, area_of(account))
    if change.password is not None or change.role is not None or change.active is False:
        account.generation += 1
    return account


def area_of(account: Account) -> Area:
    return Area(account.grid, account.community, account.street, account.district, account.unit)


def _require_area(role: PersonRole, area: Area) -> None:
    if not has_an_area(role, area):
        raise invalid("area_missing", "Say where: grid staff need a grid, community and street staff its name, a department its unit.")


async def make_token(session: AsyncSession, wanted: TokenIn, by: str, now: datetime) -> tuple[ServiceToken, str]:
    """A new service token and its words, which nobody can read again. Raises 409 `name_taken`."""
    if await queries.service_token_named(session, wanted.name) is not None:
        raise conflict("name_taken", "There is a token with this name; withdraw it first or choose another name.")
    token = new_token()
    row = ServiceToken(
        digest=token_digest(token),
        name=wanted.name,
        scopes=list(dict.fromkeys(wanted.scopes)),
        area=wanted.area.model_dump(),
        created_at=now,
        created_by=by,
    )
    session.add(row)
    await session.flush()
    return row, token


async def withdraw_token(session: AsyncSession, name: str) -> None:
    row = await queries.service_token_named(session, name)
    if row is None:
        raise not_found("This token")
    await session.delete(row)


async def first_administrator(session: AsyncSession, password: str, now: datetime) -> bool:
    """Make the account `administrator` when there is no account at all; says whether it did."""
    if not password or await queries.accounts(session):
        return False
    await open_account(session, AccountIn(login="administrator", name="管理员", role="administrator", password=password), now)
    return True


async def seed_accounts(session: AsyncSession, wanted: dict[PersonRole, tuple[str, AreaIn]], password: str, now: datetime) -> None:
    """The demo's accounts, one a role, named after the role; those that exist get this password, if they had another."""
    for role, (name, area) in wanted.items():
        account = await queries.account(session, role)
        if account is None:
            await open_account(session, AccountIn(login=role, name=name, role=role, area=area, password=password), now)
        elif not await asyncio.to_thread(password_fits, password, account.password_hash):
            await change_account(session, role, AccountChange(password=password))
