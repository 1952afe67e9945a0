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
from intake_api.client import IntakeClient

log = structlog.get_logger()


def build_channel(name: str, settings: BotSettings, redis: Redis) -> Channel:
    if name == "telegram":
        from bot.channels.telegram.channel import build_telegram

        return build_telegram(settings, redis)
    from bot.channels.web.channel import WebChannel

    return WebChannel(
        settings.redis_url, settings.data_dir / "uploads", host=settings.web_host, port=settings.web_port, console_url=settings.console_url
    )


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
