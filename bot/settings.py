"""Deployment settings of the bot: read once from the environment, at the door, never at import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

SHIPPED_MODELS = Path(__file__).resolve().parent.parent / "models" / "shipped"
Port = Annotated[int, Field(ge=0, le=65535)]


class BotSettings(BaseSettings):
    """Every name is read with the prefix MINHU_ (`MINHU_REDIS_URL`, …)."""

    model_config = SettingsConfigDict(env_prefix="MINHU_", extra="ignore")

    redis_url: str = "redis://127.0.0.1:6379/0"
    api_url: str = "http://127.0.0.1:8700"
    api_token: SecretStr = SecretStr("")
    shards: int = Field(default=16, ge=1, le=4096)
    models_dir: Path = SHIPPED_MODELS
    encoder: str = ""
    data_dir: Path = Path("var")
    timezone: str = "Asia/Shanghai"
    metrics_port: Port = 0

    llm_url: str = ""
    llm_key: SecretStr = SecretStr("")
    llm_model: str = ""
    llm_folder: Path | None = None
    llm_timeout_s: float = Field(default=10.0, gt=0, le=120)
    llm_answer_tokens: int = Field(default=400, ge=16, le=4000)
    llm_day_tokens: int = Field(default=500_000, ge=0)

    web_host: str = "127.0.0.1"
    web_port: Port = 8701
    console_url: str = ""

    telegram_token: SecretStr = SecretStr("")
    telegram_base_url: str = ""
    telegram_base_file_url: str = ""
    telegram_webhook_url: str = ""
    telegram_webhook_secret: SecretStr = SecretStr("")
    telegram_webhook_host: str = "127.0.0.1"
    telegram_webhook_port: Port = 8702
    telegram_name: str = ""


def what_is_wrong(error: ValueError) -> str | None:
    """The line for a person when `error` is about a setting of ours; None when it is about something else. Never holds a value."""
    if isinstance(error, SettingsError):
        return f"the settings cannot be read ({error}); correct the variable or leave it out"
    if not isinstance(error, ValidationError) or error.title not in ("BotSettings", "Settings"):
        return None
    first = error.errors(include_input=False)[0]
    name = "_".join(str(part) for part in first["loc"]).upper()
    return f"MINHU_{name} cannot be used ({first['msg'].removeprefix('Value error, ')}); correct it or leave it out"
