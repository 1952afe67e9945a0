"""`minhu demo`: the whole product on this machine with a sample grid; `minhu serve all`: the same without the sample."""

from __future__ import annotations

import argparse
import asyncio
import secrets
from pathlib import Path

from bot.embedded import EmbeddedRedis
from bot.errors import UsageError
from bot.settings import BotSettings
from bot.supervisor import Child, Supervisor, check_port, claim_folder
from intake_api.settings import Settings, read_or_create_secret


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Starts everything on this machine with a sample grid and prints the addresses. Ctrl-C stops it."


def run(options: argparse.Namespace) -> int:
    return serve_all(sample=True)


def serve_all(*, sample: bool) -> int:
    """Raises UsageError for what a person can mend: a taken port, a full disk, a locked folder."""
    bot, api = BotSettings(), Settings()
    folder = bot.data_dir.absolute()
    lock = claim_folder(folder)
    try:
        children = _children(bot, sample=sample)
        ports = [(api.api_host, api.api_port, "MINHU_API_PORT")]
        if any(child.name == "web" for child in children):
            ports.append((bot.web_host, bot.web_port, "MINHU_WEB_PORT"))
        if len(ports) == 2 and api.api_port == bot.web_port != 0:
            raise UsageError(f"port {bot.web_port} is set for both the API and the web chat; set MINHU_WEB_PORT to another")
        for host, port, setting in ports:
            check_port(host, port, setting)
        redis = EmbeddedRedis(folder / "redis") if "redis_url" not in bot.model_fields_set else None
        environment = _environment(folder, bot, api, redis)
        accounts = _prepare(folder, api, sample=sample)
        supervisor = Supervisor(folder, children, environment, redis)
        print("starting …", flush=True)
        return asyncio.run(
            supervisor.run(
                lambda: print(_addresses(bot, api, folder, accounts, web=len(ports) == 2), flush=True), [(h, p) for h, p, _ in ports]
            )
        )
    finally:
        lock.close()


def _children(bot: BotSettings, *, sample: bool) -> list[Child]:
    """Every role once; those with metrics of their own (the API serves its on /metrics) get ports from MINHU_METRICS_PORT on.

    In the web chat everybody is who they say they are: it comes with the demo, or where there is no other channel.
    """
    children = [Child(role, ["serve", role]) for role in ("api", "jobs", "assistant")]
    telegram = bool(bot.telegram_token.get_secret_value())
    if sample or not telegram:
        children.append(Child("web", ["serve", "channel", "--channel", "web"]))
    if telegram:
        children.append(Child("telegram", ["serve", "channel", "--channel", "telegram"]))
    if bot.metrics_port:
        for n, child in enumerate(children[2:]):
            child.environment["MINHU_METRICS_PORT"] = str(bot.metrics_port + n)
    return children


def _environment(folder: Path, bot: BotSettings, api: Settings, redis: EmbeddedRedis | None) -> dict[str, str]:
    """What the children need to find each other; the service token is made once and kept in the folder."""
    try:
        token = api.api_token.get_secret_value() or read_or_create_secret(folder / "api.token")
    except OSError as error:
        raise UsageError(f"{folder} cannot be written ({error.strerror}); set MINHU_DATA_DIR to a folder of yours") from error
    environment = {
        "MINHU_DATA_DIR": str(folder),
        "MINHU_API_TOKEN": token,
        "MINHU_API_URL": _url(api.api_host, api.api_port),
        "MINHU_CONSOLE_URL": _url(api.api_host, api.api_port) + "/console",
    }
    if redis:
        environment["MINHU_REDIS_URL"] = redis.url
    return environment


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _prepare(folder: Path, api: Settings, *, sample: bool) -> str:
    """Bring the database up to date; for the demo seed the sample grid once, and give its sign-in words."""
    from bot.channels.web.sample import load_sample
    from bot.cli.database import bring_up_to_date
    from intake_api.sample import seed

    settings = Settings(data_dir=folder, database_url=api.database_url)
    bring_up_to_date(settings.database())
    if not sample:
        return ""
    grid = load_sample()
    return asyncio.run(seed(settings, _password(folder), grid.grid, "web", grid.group_id, grid.group.title))


def _password(folder: Path) -> str:
    kept = folder / "demo.password"
    if not kept.exists() or not kept.read_text().strip():  # empty: the first start died in between
        kept.touch(mode=0o600)
        kept.write_text(secrets.token_hex(6))
    return kept.read_text().strip()


def _addresses(bot: BotSettings, api: Settings, folder: Path, accounts: str, *, web: bool) -> str:
    lines = ["", f"  群聊 web chat   {_url(bot.web_host, bot.web_port)}/chat"] if web else [""]
    lines.append(f"  后台 console    {_url(api.api_host, api.api_port)}/console")
    if accounts:
        lines.append(f"  登录 sign in    {accounts}")
    lines += [f"  数据 data       {folder}", "", "Ctrl-C stops everything; the next start goes on from here.", ""]
    return "\n".join(lines)
