"""People who sign in to the console, the services that hold tokens, and the tries to sign in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from intake_api.contracts import PersonRole
from intake_api.db import Base, Instant, Json
from intake_api.security import Scope


class Account(Base):
    """Somebody who signs in. `generation` goes up when all their sessions must end (new password, closed, signed out)."""

    __tablename__ = "accounts"

    login: Mapped[str] = mapped_column(String(100), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[PersonRole] = mapped_column(String(20))
    password_hash: Mapped[str] = mapped_column(String(200))
    grid: Mapped[str] = mapped_column(String(100), default="")
    community: Mapped[str] = mapped_column(String(100), default="")
    street: Mapped[str] = mapped_column(String(100), default="")
    district: Mapped[str] = mapped_column(String(100), default="")
    unit: Mapped[str] = mapped_column(String(100), default="")
    active: Mapped[bool] = mapped_column(default=True)
    generation: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(Instant)


class ServiceToken(Base):
    """A token given to a service; only its digest is kept. `area` restricts what it may see, as an account's does."""

    __tablename__ = "service_tokens"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    scopes: Mapped[list[Scope]] = mapped_column(Json)
    area: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str] = mapped_column(String(100))


class SignInFailure(Base):
    """A try to sign in that failed, kept a day for throttling; who and from where are digests."""

    __tablename__ = "sign_in_failures"
    __table_args__ = (Index(None, "login_digest", "at"), Index(None, "address_digest", "at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    login_digest: Mapped[str] = mapped_column(String(64))
    address_digest: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(Instant)
