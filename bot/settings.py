"""Deployment settings of the bot: read once from the environment, at the door, never at import."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

SHIPPED_MODELS = Path(__file__).resolve().parent.parent / "models" / "shipped"


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
    metrics_port: int = 0

    web_host: str = "127.0.0.1"
    web_port: int = 8701
    console_url: str = ""

    telegram_token: SecretStr = SecretStr("")
    telegram_base_url: str = ""
    telegram_base_file_url: str = ""
    telegram_webhook_url: str = ""
    telegram_webhook_secret: SecretStr = SecretStr("")
    telegram_webhook_host: str = "127.0.0.1"
    telegram_webhook_port: int = 8702
    telegram_name: str = ""
