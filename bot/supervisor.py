"""Keeps the processes of one machine running: starts them, restarts what dies, stops everything in order."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import structlog

from bot.embedded import EmbeddedRedis, die_with_parent
from bot.errors import UsageError

log = structlog.get_logger()

STOP_S = 12
DISK_NEEDED = 200 * 2**20
CALM_S = 20


@dataclass(slots=True)
class Child:
    """One process: the words after `minhu` that start it, and what its environment has of its own. `died`: its latest deaths."""

    name: str
    words: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None
    died: list[float] = field(default_factory=list)


class Supervisor:
    """`environment` is what the children get beside this process's own."""

    def __init__(self, data_dir: Path, children: list[Child], environment: dict[str, str], redis: EmbeddedRedis | None) -> None:
        self.data_dir = data_dir
        self.children = children
        self.environment = environment
        self.redis = redis
        self._stopping = asyncio.Event()

    async def run(self, ready: Callable[[], None], ports: list[tuple[str, int]]) -> int:
        """Until SIGINT or SIGTERM. `ready` is called once every port answers."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stopping.set)
        if self.redis:
            self.redis.start()
        watchers = [asyncio.create_task(self._keep(child)) for child in self.children]
        if self.redis:
            watchers.append(asyncio.create_task(self._keep_redis(self.redis)))
        announcer = asyncio.create_task(self._announce(ready, ports))
        await self._stopping.wait()
        announcer.cancel()
        await self._stop(watchers)
        return 0

    async def _announce(self, ready: Callable[[], None], ports: list[tuple[str, int]]) -> None:
        for host, port in ports:
            while not answers(host, port):  # noqa: ASYNC110  # another process's port has no event
                await asyncio.sleep(0.1)
        ready()

    async def _keep(self, child: Child) -> None:
        """Start it again when it dies; slower and slower when it keeps dying."""
        while not self._stopping.is_set():
            code = await self._run_once(child)
            if self._stopping.is_set():
                return
            now = time.monotonic()
            child.died = [t for t in child.died if now - t < CALM_S] + [now]
            pause_s = min(10.0, 0.2 * 2 ** (len(child.died) - 1))
            log.warning("process.died", process=child.name, code=code, again_in_s=pause_s)
            if len(child.died) == 4:
                print(f"{child.name} keeps stopping; why: {self.data_dir / (child.name + '.log')}", file=sys.stderr)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)

    async def _run_once(self, child: Child) -> int:
        """Its exit code; -1 where it could not even be started (no memory, no room for its log), which may pass."""
        try:
            with (self.data_dir / f"{child.name}.log").open("ab") as out:
                child.process = await self._spawn(child, out)
                return await child.process.wait()
        except OSError as error:
            log.warning("process.not_started", process=child.name, error=error.strerror)
            return -1

    async def _spawn(self, child: Child, out: IO[bytes]) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", *child.words, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
            env={**os.environ, **self.environment, **child.environment}, preexec_fn=die_with_parent,
        )  # fmt: skip

    async def _keep_redis(self, redis: EmbeddedRedis) -> None:
        while not self._stopping.is_set():
            if redis.exited():
                log.warning("redis.died")
                with contextlib.suppress(UsageError):
                    await asyncio.to_thread(redis.start)
            await asyncio.sleep(0.2)

    async def _stop(self, watchers: list[asyncio.Task[None]]) -> None:
        """Those who speak and listen first, the store last."""
        running = [c.process for c in self.children if c.process and c.process.returncode is None]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        late = [asyncio.create_task(p.wait()) for p in running]
        if late:
            _, hanging = await asyncio.wait(late, timeout=STOP_S)
            if hanging:
                for process in running:
                    if process.returncode is None:
                        process.kill()
                await asyncio.wait(hanging)
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        if self.redis:
            await asyncio.to_thread(self.redis.stop)


def answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=0.5):
            return True
    except OSError:
        return False


def check_port(host: str, port: int, setting: str) -> None:
    """Raises UsageError when another program holds the port, or the host is none of this machine. `setting` names the port's setting."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(address)
    except OSError as error:
        raise cannot_listen(host, port, setting, error) from error


def cannot_listen(host: str, port: int, setting: str, error: OSError) -> UsageError:
    """The line for a person: what stands in the way, and the setting that goes around it."""
    if error.errno == errno.EADDRINUSE:
        return UsageError(f"port {port} is in use; stop that program or set {setting} to another port")
    if error.errno == errno.EACCES:
        return UsageError(f"port {port} may not be used by this account; set {setting} to one above 1023")
    remedy = f"set {setting.replace('_PORT', '_HOST')} to an address of this machine"
    return UsageError(f"nothing can listen on {host} ({error.strerror}); {remedy}")


def claim_folder(folder: Path) -> IO[str]:
    """Make the data folder ours until the returned file is closed. Raises UsageError: not writable, no room, or taken."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / "minhu.lock").open("a+")
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be used ({error.strerror}); set MINHU_DATA_DIR to one you may write") from error
    if shutil.disk_usage(folder).free < DISK_NEEDED:
        lock.close()
        raise UsageError(f"less than {DISK_NEEDED // 2**20} MB are free at {folder}; free some space or set MINHU_DATA_DIR elsewhere")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise UsageError(f"minhu already runs on {folder}; stop it first or set MINHU_DATA_DIR to another folder") from error
    return lock
