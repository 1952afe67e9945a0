"""`minhu serve`: one production role a process, settings from the environment; `all` runs every role on this machine."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Callable

from bot.errors import UsageError
from bot.settings import BotSettings

CHANNELS = ("web", "telegram")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("role", choices=("all", "channel", "assistant", "api", "jobs"))
    parser.add_argument("--channel", choices=CHANNELS, default="web", help="which channel, for the role channel (default: web)")


def run(options: argparse.Namespace) -> int:
    if options.role == "all":
        from bot.cli.demo import serve_all

        return serve_all(sample=False)
    return _ROLES[options.role](options)


def on_stop(stop: Callable[[], object]) -> None:
    """Call `stop` on SIGTERM and SIGINT, inside the running loop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def _api(_: argparse.Namespace) -> int:
    import socket

    import uvicorn

    from bot.cli.database import bring_up_to_date
    from bot.supervisor import cannot_listen
    from intake_api.app import create_app
    from intake_api.logs import configure as configure_logs
    from intake_api.settings import Settings

    settings = Settings()
    configure_logs(settings.log_level, settings.log_json)
    bring_up_to_date(settings.database())
    listening = socket.socket(socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # small answers must not wait for more to send (Nagle against delayed acknowledgement costs 40 ms a call)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listening.bind((settings.api_host, settings.api_port))
    except OSError as error:
        raise cannot_listen(settings.api_host, settings.api_port, "MINHU_API_PORT", error) from error
    config = uvicorn.Config(create_app(settings), log_config=None, access_log=False, timeout_graceful_shutdown=5)
    uvicorn.Server(config).run(sockets=[listening])
    return 0


def _jobs(_: argparse.Namespace) -> int:
    from intake_api.jobs import run_jobs
    from intake_api.logs import configure as configure_logs
    from intake_api.settings import Settings

    settings = Settings()
    configure_logs(settings.log_level, settings.log_json)

    async def work() -> None:
        stop = asyncio.Event()
        on_stop(stop.set)
        await run_jobs(settings, stop)

    _run(work)
    return 0


def _assistant(_: argparse.Namespace) -> int:
    from bot.assistant.process import run_assistant
    from intake_api.logs import configure as configure_logs
    from intake_api.settings import Settings

    logs = Settings()
    configure_logs(logs.log_level, logs.log_json)
    _run(lambda: run_assistant(BotSettings(), on_stop))
    return 0


def _channel(options: argparse.Namespace) -> int:
    from bot.channels.process import run_channel
    from bot.supervisor import check_port
    from intake_api.logs import configure as configure_logs
    from intake_api.settings import Settings

    logs = Settings()
    configure_logs(logs.log_level, logs.log_json)
    settings = BotSettings()
    if options.channel == "telegram" and not settings.telegram_token.get_secret_value():
        raise UsageError("no Telegram token; set MINHU_TELEGRAM_TOKEN to the one BotFather gave you")
    if options.channel == "web":
        check_port(settings.web_host, settings.web_port, "MINHU_WEB_PORT")
    _run(lambda: run_channel(options.channel, settings, on_stop))
    return 0


def _run(main: Callable[[], object]) -> None:
    import uvloop

    uvloop.run(main())  # type: ignore[arg-type]


_ROLES: dict[str, Callable[[argparse.Namespace], int]] = {
    "api": _api,
    "jobs": _jobs,
    "assistant": _assistant,
    "channel": _channel,
}
