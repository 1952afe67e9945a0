"""Reading people: accounts, tokens, recent failures to sign in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.people.tables import Account, ServiceToken, SignInFailure


async def account(session: AsyncSession, login: str) -> Account | None:
    return await session.get(Account, login)


async def accounts(session: AsyncSession) -> list[Account]:
    return list(await session.scalars(select(Account).order_by(Account.login)))


async def active_administrators(session: AsyncSession) -> int:
    found = select(func.count()).select_from(Account).where(Account.role == "administrator", Account.active)
    return await session.scalar(found) or 0


async def service_token(session: AsyncSession, digest: str) -> ServiceToken | None:
    return await session.get(ServiceToken, digest)


async def service_token_named(session: AsyncSession, name: str) -> ServiceToken | None:
    return await session.scalar(select(ServiceToken).where(ServiceToken.name == name))


async def service_tokens(session: AsyncSession) -> list[ServiceToken]:
    return list(await session.scalars(select(ServiceToken).order_by(ServiceToken.name)))


async def failures_since(session: AsyncSession, since: datetime, login_digest: str, address_digest: str) -> tuple[int, int]:
    """How often this sign-in name, and this address, failed since then."""
    recent = select(func.count()).select_from(SignInFailure).where(SignInFailure.at > since)
    of_login = await session.scalar(recent.where(SignInFailure.login_digest == login_digest))
    of_address = await session.scalar(recent.where(SignInFailure.address_digest == address_digest))
    return of_login or 0, of_address or 0
