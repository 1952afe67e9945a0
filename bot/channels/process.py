"""A channel as a process: its ear on the streams, its mouth fed by the outgoing queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog
from redis.asyncio import Redis

from bot.channels.contract import Channel
from bot.channels.outgoing import Speaker
from bot.settings import BotSettings
from bot.streams import Streams
from bot.telemetry import serve_metrics
from bot.wording import options
from intake_api.client import IntakeClient

log = structlog.get_logger()


def build_channel(name: str, settings: BotSettings, redis: Redis) -> Channel:
    """The channel of that name; only its own libraries are imported."""
    return _telegram(settings, redis) if name == "telegram" else _web(settings)


def _web(settings: BotSettings) -> Channel:
    from bot.channels.web.channel import WebChannel

    uploads = settings.data_dir / "uploads"
    return WebChannel(settings.redis_url, uploads, host=settings.web_host, port=settings.web_port, console_url=settings.console_url)


def _telegram(settings: BotSettings, redis: Redis) -> Channel:
    """Long polling, or a webhook when its address is set."""
    from bot.channels.telegram.channel import TelegramChannel
    from bot.channels.telegram.webhook import WebhookConfig

    webhook = None
    if settings.telegram_webhook_url:
        secret = settings.telegram_webhook_secret.get_secret_value()
        webhook = WebhookConfig(settings.telegram_webhook_url, secret, settings.telegram_webhook_host, settings.telegram_webhook_port)
    return TelegramChannel(
        settings.telegram_token.get_secret_value(), redis, base_url=settings.telegram_base_url or None,
        base_file_url=settings.telegram_base_file_url or None, webhook=webhook, commands=options("commands"),
    )  # fmt: skip


async def run_channel(name: str, settings: BotSettings, on_stop: Callable[[Callable[[], object]], None]) -> None:
    """Hear and speak until stopped; when either ends by itself the process ends, and the supervisor starts it again."""
    serve_metrics(settings.metrics_port)
    redis = Redis.from_url(settings.redis_url, decode_responses=True)
    intake = IntakeClient(settings.api_url, settings.api_token.get_secret_value())
    channel = build_channel(name, settings, redis)
    speaker = Speaker(redis, channel, intake, sample_latency=True)
    hearing = asyncio.create_task(channel.hear(Streams(redis, settings.shards)), name="hear")
    speaking = asyncio.create_task(speaker.run(), name="speak")
    stopped = asyncio.Event()
    on_stop(stopped.set)
    waiting = asyncio.create_task(stopped.wait())
    log.info("channel.started", channel=name)
    try:
        done, _ = await asyncio.wait({hearing, speaking, waiting}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {waiting}:
            task.result()
    finally:
        hearing.cancel()
        speaker.stop()
        waiting.cancel()
        with suppress(TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(asyncio.gather(hearing, speaking, return_exceptions=True), 8)
        await intake.close()
        await redis.aclose()
        log.info("channel.stopped", channel=name)
