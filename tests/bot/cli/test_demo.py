"""What a person can mend before the product starts is one clear line, whatever the setting."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.__main__ import main
from bot.cli.database import bring_up_to_date
from bot.cli.demo import _children
from bot.embedded import SOCKET_PATH_MAX, EmbeddedRedis
from bot.errors import UsageError
from bot.settings import BotSettings
from bot.supervisor import claim_folder


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINHU_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("MINHU_API_PORT", "0")


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words or ("demo",))) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MINHU_WEB_PORT", "abc"),
        ("MINHU_WEB_PORT", "99999"),
        ("MINHU_API_PORT", "-1"),
        ("MINHU_SHARDS", "0"),
        ("MINHU_TIMEZONE", "Mars/Olympus"),
        ("MINHU_TIMEZONE", "../../etc/passwd"),
        ("MINHU_LOG_LEVEL", "loud"),
    ],
)
def test_a_setting_that_cannot_be_is_named_without_its_value(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    said = refused(capsys)
    assert name in said
    assert value not in said


def test_a_port_in_use_and_a_host_of_nobody_are_told_apart(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        monkeypatch.setenv("MINHU_API_PORT", port)
        assert f"port {port} is in use" in refused(capsys)
        monkeypatch.setenv("MINHU_WEB_PORT", port)
        assert "MINHU_WEB_PORT" in refused(capsys, "serve", "channel")
    monkeypatch.setenv("MINHU_WEB_PORT", "0")
    monkeypatch.setenv("MINHU_API_HOST", "192.0.2.1")  # reserved for documents: no machine has it
    assert "MINHU_API_HOST" in refused(capsys)


def test_one_port_for_two_servers_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINHU_API_PORT", "8701")
    assert "both" in refused(capsys)


def test_a_folder_that_is_taken_or_is_none(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with claim_folder(tmp_path / "data"):
        assert "already runs" in refused(capsys)
    (tmp_path / "file").touch()
    monkeypatch.setenv("MINHU_DATA_DIR", str(tmp_path / "file"))
    assert "MINHU_DATA_DIR" in refused(capsys)


def test_a_long_path_has_the_same_socket_at_every_start(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * SOCKET_PATH_MAX)
    assert EmbeddedRedis(folder).url == EmbeddedRedis(folder).url
    assert EmbeddedRedis(folder).url != EmbeddedRedis(folder / "y").url
    assert len(str(EmbeddedRedis(folder).socket).encode()) <= SOCKET_PATH_MAX


@pytest.mark.parametrize("address", ["oops", "postgresql+psycopg://minhu:secret@127.0.0.1:1/minhu", "mysterious://x"])
def test_a_database_that_is_none_is_said_without_its_password(address: str) -> None:
    with pytest.raises(UsageError, match="MINHU_DATABASE_URL") as refusal:
        bring_up_to_date(address)
    assert "secret" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "minhu.db").write_text("no database at all")
    with pytest.raises(UsageError, match="not a database"):
        bring_up_to_date(f"sqlite+aiosqlite:///{tmp_path / 'minhu.db'}")


def test_the_web_chat_comes_with_the_demo_or_where_there_is_no_other_channel() -> None:
    """In it everybody is who they say they are: no installation with a real channel serves it unasked."""

    def names(*, token: str, sample: bool) -> list[str]:
        return [child.name for child in _children(BotSettings(telegram_token=SecretStr(token)), sample=sample)]

    assert names(token="", sample=False) == ["api", "jobs", "assistant", "web"]
    assert names(token="1:x", sample=False) == ["api", "jobs", "assistant", "telegram"]
    assert names(token="1:x", sample=True) == ["api", "jobs", "assistant", "web", "telegram"]


def test_every_role_gets_a_metrics_port_of_its_own() -> None:
    children = _children(BotSettings(metrics_port=9100), sample=True)
    assert [child.environment.get("MINHU_METRICS_PORT") for child in children] == [None, None, "9100", "9101"]
