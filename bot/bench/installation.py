"""A whole installation beside this process: real roles, embedded Redis, SQLite or PostgreSQL; any part may be killed and restarted."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import httpx
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.embedded import EmbeddedRedis, die_with_parent
from intake_api.client import IntakeClient
from intake_api.contracts import BindIn, EstateIn, GridIn, StaffIn
from intake_api.migrations import upgrade

ROOT = Path(__file__).resolve().parents[2]
STREAMS = ("heard:", "events:", "speech:")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Installation:
    """Roles by name: "api", "jobs", "assistant", "assistant2", "web", "telegram". `kill` is SIGKILL, `start` a fresh process."""

    def __init__(self, folder: Path, *, database_url: str = "", environment: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.redis = EmbeddedRedis(folder / "redis")
        self.token, self.password = secrets.token_urlsafe(24), secrets.token_urlsafe(12)
        self.api_port, self.web_port = free_port(), free_port()
        self.environment = {
            "MINHU_DATA_DIR": str(folder),
            "MINHU_API_TOKEN": self.token,
            "MINHU_ADMINISTRATOR_PASSWORD": self.password,
            "MINHU_API_PORT": str(self.api_port),
            "MINHU_API_URL": f"http://127.0.0.1:{self.api_port}",
            "MINHU_WEB_PORT": str(self.web_port),
            "MINHU_REDIS_URL": self.redis.url,
            **({"MINHU_DATABASE_URL": database_url} if database_url else {}),
            **(environment or {}),
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def api_url(self) -> str:
        return self.environment["MINHU_API_URL"]

    def database(self) -> str:
        return self.environment.get("MINHU_DATABASE_URL") or f"sqlite+aiosqlite:///{self.folder / 'minhu.db'}"

    def __enter__(self) -> Installation:
        self.redis.start()
        upgrade(self.database())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop(*self.processes)
        self.redis.stop()

    def start(self, *names: str) -> None:
        for name in names:
            words = ["serve", "channel", "--channel", name] if name in ("web", "telegram") else ["serve", name.rstrip("0123456789")]
            with (self.folder / f"{name}.log").open("ab") as out:
                self.processes[name] = subprocess.Popen(
                    [sys.executable, "-m", "bot", *words], cwd=ROOT, env={**os.environ, **self.environment}, stdin=subprocess.DEVNULL,
                    stdout=out, stderr=out, preexec_fn=die_with_parent,
                )  # fmt: skip

    def stop(self, *names: str) -> None:
        """SIGTERM, and SIGKILL for whoever does not listen."""
        running = [self.processes[n] for n in names if self.processes[n].poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def kill(self, name: str) -> None:
        if name == "redis":
            if self.redis.pid:
                os.kill(self.redis.pid, signal.SIGKILL)
                while not self.redis.exited():
                    time.sleep(0.01)
            return
        self.processes[name].kill()
        self.processes[name].wait()

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds each living process has used so far (Linux; empty elsewhere)."""
        pids = {name: p.pid for name, p in self.processes.items() if p.poll() is None}
        if self.redis.pid:
            pids["redis"] = self.redis.pid
        stats = {name: Path(f"/proc/{pid}/stat") for name, pid in pids.items()}
        ticks = {name: s.read_text().rpartition(")")[2].split()[11:13] for name, s in stats.items() if s.exists()}
        return {name: sum(map(int, spent)) / os.sysconf("SC_CLK_TCK") for name, spent in ticks.items()}

    def log_of(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-4000:]

    async def ready(self) -> None:
        """Until the API says it is ready. Raises RuntimeError with its log when it died."""
        async with httpx.AsyncClient() as http:
            while True:
                try:
                    if (await http.get(f"{self.api_url}/readyz")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                if self.processes["api"].poll() is not None:
                    raise RuntimeError(self.log_of("api"))
                await asyncio.sleep(0.1)

    def intake(self) -> IntakeClient:
        return IntakeClient(self.api_url, self.token)

    async def bind(self, channel: str, chats: list[str], grid: GridIn) -> None:
        """Make the grid and bind the chats to it, as an administrator and a group's owner do; no quiet hours."""
        async with httpx.AsyncClient(base_url=self.api_url) as http, self.intake() as intake:
            signed = await http.post("/v1/session", json={"login": "administrator", "password": self.password})
            signed.raise_for_status()
            http.headers["X-CSRF-Token"] = signed.json()["csrf"]
            (await http.put(f"/v1/grids/{grid.code}", json=grid.model_dump())).raise_for_status()
            for chat in chats:
                made = await http.post(f"/v1/grids/{grid.code}/bind-codes")
                made.raise_for_status()
                await intake.bind_chat(BindIn(channel=channel, chat_id=chat, code=made.json()["code"], by_handle=f"{channel}:boss"))
                settings = (await intake.chat(channel, chat)).settings.model_copy(update={"quiet_from": 0, "quiet_to": 0})
                await intake.set_chat_settings(channel, chat, settings)

    async def calm(self, quiet_s: float = 1.0) -> None:
        """Until no stream holds anything unfinished for a while."""
        redis = Redis.from_url(self.redis.url, decode_responses=True)
        since = time.monotonic()
        while time.monotonic() - since < quiet_s:
            try:
                waiting = 0
                async for key in redis.scan_iter(count=10_000, _type="stream"):
                    waiting += await redis.xlen(key) if str(key).startswith(STREAMS) else 0
            except (RedisError, OSError):
                waiting = 1
            if waiting:
                since = time.monotonic()
            await asyncio.sleep(0.1)
        await redis.aclose()


def sample_grid(code: str = "test-1", staff_handles: dict[str, list[str]] | None = None) -> GridIn:
    """A grid from imagination, with a roster of three."""
    handles = staff_handles or {}
    roster = (("micro", "小周", "micro_worker"), ("grid", "小吴", "grid_worker"), ("community", "郑主任", "community"))
    staff = [
        StaffIn.model_validate({"id": f"{code}-{key}", "name": name, "role": role, "order": n, "handles": handles.get(key, [])})
        for n, (key, name, role) in enumerate(roster)
    ]
    return GridIn(
        code=code, name="梧桐社区第1网格", community="梧桐社区", street="河西街道", district="江北区", estates=[EstateIn(name="梧桐苑")],
        spots=["南门快递柜", "中心花园"], roads=["梧桐路"], staff=staff,
    )  # fmt: skip
