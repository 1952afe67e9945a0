"""Deployment settings of the intake API: read once from the environment, at the door, never at import."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every name is read with the prefix MINHU_ (`MINHU_DATABASE_URL`, …).

    `database_url` empty: an SQLite file in `data_dir`. `secret_key` empty: read from `data_dir/secret.key`, made there once.
    `api_token` is the bearer token of our own assistant and channel processes; departments get theirs from an administrator.
    `administrator_password` makes the account `administrator` when there is no account at all.
    """

    model_config = SettingsConfigDict(env_prefix="MINHU_", extra="ignore", frozen=True)

    data_dir: Path = Path("var")
    models_dir: Path = Path(__file__).resolve().parent.parent / "models" / "shipped"
    database_url: str = ""
    redis_url: str = "redis://127.0.0.1:6379/0"
    secret_key: SecretStr = SecretStr("")
    api_token: SecretStr = SecretStr("")
    administrator_password: SecretStr = SecretStr("")
    shards: int = Field(default=16, ge=1, le=4096)
    timezone: str = "Asia/Shanghai"
    number_prefix: str = Field(default="CH", pattern=r"^[A-Za-z0-9]{1,20}$")

    confirm_minutes: int = Field(default=15, ge=1, le=7 * 24 * 60)
    callback_days: int = Field(default=14, ge=1, le=365)
    retention_days: int = Field(default=180, ge=1, le=3650)

    session_hours: int = Field(default=12, ge=1, le=24 * 30)
    secure_cookie: bool = False
    trust_proxy: bool = False
    public_url: str = "http://127.0.0.1:8700"
    telegram_name: str = ""
    webhook_hosts: tuple[str, ...] = ()

    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8700, ge=0, le=65535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    log_json: bool = False

    @field_validator("log_level", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("no time zone has this name; write one like Asia/Shanghai") from error
        return value

    def database(self) -> str:
        """The address of the database, an SQLite file in `data_dir` unless another is named."""
        url = self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'minhu.db'}"
        return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)

    def secret(self) -> str:
        """The key that signs cookies and seals what is stored encrypted."""
        return self.secret_key.get_secret_value() or read_or_create_secret(self.data_dir / "secret.key")

    def media_dir(self) -> Path:
        return self.data_dir / "media"


def read_or_create_secret(path: Path) -> str:
    """A random secret kept in a file only its owner may read; two processes starting at once read the same one.

    Raises OSError when the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    if not path.exists():
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32))
        try:
            os.link(fresh, path)  # unlike rename, never replaces the secret of a faster process
        except FileExistsError:
            pass
        finally:
            fresh.unlink(missing_ok=True)
    return path.read_text(encoding="ascii").strip()
