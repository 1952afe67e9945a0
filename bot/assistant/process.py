"""The assistant as a process: its ports wired to Redis, the intake API and the shipped models."""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import structlog
from redis.asyncio import Redis

from bot.assistant.language_model import Endpoint, LanguageModel, LocalModel
from bot.assistant.leases import Leases
from bot.assistant.memory import RedisMemory
from bot.assistant.mind import Mind
from bot.assistant.phrasing import Phrasing
from bot.assistant.policy import LivePolicy, encoder_in, reader_in
from bot.assistant.timers import Timers
from bot.assistant.trials import answer_trials
from bot.assistant.turn import Ports
from bot.assistant.worker import Worker
from bot.settings import BotSettings
from bot.streams import Streams
from bot.telemetry import serve_metrics
from intake_api.client import IntakeClient
from nlp.pipeline import load_understander
from nlp.taxonomy import load_taxonomy

log = structlog.get_logger()


def now() -> datetime:
    return datetime.now(UTC)


def private_link(settings: BotSettings) -> Callable[[str, str], str]:
    """A link into a private chat with the bot that remembers the group; "" where the channel has none."""
    name = settings.telegram_name.lstrip("@")
    return lambda channel, chat_id: f"https://t.me/{name}?start=g{chat_id}" if channel == "telegram" and name else ""


def phrasing_of(settings: BotSettings) -> Phrasing | None:
    """The language model that the settings name (an endpoint before a folder); None: answers stay as they are quoted."""
    model: LanguageModel
    if settings.llm_url:
        model = Endpoint(settings.llm_url, settings.llm_model, settings.llm_key.get_secret_value(), settings.llm_timeout_s)
    elif settings.llm_folder:
        model = LocalModel(settings.llm_folder, settings.llm_timeout_s)
    else:
        return None
    return Phrasing(model, now, settings.llm_timeout_s, settings.llm_answer_tokens, settings.llm_day_tokens)


async def run_assistant(settings: BotSettings, on_stop: Callable[[Callable[[], object]], None]) -> None:
    """Until stopped. Starts without the API and without models: it waits for the one and does with rules without the others."""
    serve_metrics(settings.metrics_port)
    redis = Redis.from_url(settings.redis_url, decode_responses=True)
    intake = IntakeClient(settings.api_url, settings.api_token.get_secret_value())
    understander = load_understander(settings.models_dir)
    for fault in understander.faults:
        log.warning("model.missing", fault=fault)
    await asyncio.to_thread(understander.warm)
    policy = LivePolicy(
        intake,
        lambda: encoder_in(settings.models_dir, settings.encoder),
        settings.data_dir / "assistant",
        lambda: reader_in(settings.models_dir),
    )
    streams = Streams(redis, settings.shards)
    phrasing = phrasing_of(settings)
    leases = Leases(redis, f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}", settings.shards)
    ports = Ports(
        understander=understander, taxonomy=load_taxonomy(), memory=RedisMemory(redis, leases), intake=intake, voice=streams, policy=policy,
        clock=now, zone=ZoneInfo(settings.timezone), phrasing=phrasing, private_link=private_link(settings),
    )  # fmt: skip
    worker = Worker(redis, streams, Mind(ports), Timers(redis, now), leases)
    on_stop(worker.stop)
    zone = ports.zone
    beside = [
        asyncio.create_task(policy.keep_fresh()),
        asyncio.create_task(answer_trials(redis, policy, lambda: now().astimezone(zone).date())),
    ]
    log.info("assistant.started", worker=leases.worker)
    try:
        await worker.run()
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        if phrasing:
            await phrasing.close()
        await intake.close()
        await redis.aclose()
        log.info("assistant.stopped", worker=leases.worker)
