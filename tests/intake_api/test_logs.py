"""No log line holds what a resident said, who they are, or a secret; whoever writes it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from intake_api import logs

SECRETS = [
    "13812345678",
    "138 1234 5678",
    "+86-138-1234-5678",
    "110101199003074514",
    "11010119900307451X",
    "6222021234567890123",
    "li@example.org",
    "Bearer abc.def-ghi",
    "postgresql+psycopg://minhu:hunter2@db/minhu",
    "https://api.telegram.org/bot123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc/getMe",
    "https://console.test/x?token=abcdef&page=1",
]
HARMLESS = ["2026-06-02T08:30:00Z", "CH-20260602-0012", "telegram:-1001234567890", "heron-1", "1.2.3.4:8700", "12345"]


@pytest.fixture
def written() -> Iterator[StringIO]:
    """Logging as a process configures it, writing here."""
    root = logging.getLogger()
    before, level, raising = list(root.handlers), root.level, logging.raiseExceptions
    stream = StringIO()
    logs.configure("INFO", as_json=True, stream=stream)
    yield stream
    root.handlers[:], root.level, logging.raiseExceptions = before, level, raising
    structlog.reset_defaults()


@pytest.mark.parametrize("secret", SECRETS)
def test_personal_data_and_secrets_are_hidden_anywhere(secret: str) -> None:
    event = {"event": f"seen {secret}", "note": secret, "list": [secret, {"deep": (secret,)}], "object": Exception(secret)}
    words = json.dumps(logs.redact(None, "info", event), ensure_ascii=False, default=str)
    core = "hunter2" if "hunter2" in secret else "AAEhBOweik6" if "AAEh" in secret else "abcdef" if "token=" in secret else secret
    core = core.removeprefix("Bearer ")
    assert core not in words
    assert words.count(logs.HIDDEN) >= 5


@pytest.mark.parametrize("words", HARMLESS)
def test_what_is_needed_to_find_a_fault_stays(words: str) -> None:
    assert logs.redact(None, "info", {"event": "x", "chat": words})["chat"] == words


@pytest.mark.parametrize("key", ["text", "masked", "handle", "name", "password", "api_token", "Authorization", "reporter", "body"])
def test_private_keys_are_hidden_whatever_they_hold(key: str) -> None:
    assert logs.redact(None, "info", {"event": "x", key: "甲乙丙"})[key] == logs.HIDDEN
    assert logs.redact(None, "info", {"event": "x", "outer": {key: ["甲"]}})["outer"][key] == logs.HIDDEN


def test_numbers_are_looked_at_too() -> None:
    assert logs.redact(None, "info", {"event": "x", "seen": 13812345678, "count": 42, "share": 0.5, "yes": True}) == {
        "event": "x", "seen": logs.HIDDEN, "count": 42, "share": 0.5, "yes": True,
    }  # fmt: skip


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)))
def test_redaction_takes_anything_and_does_nothing_new_the_second_time(value: object) -> None:
    once = logs.redact(None, "info", {"event": "x", "value": value})
    assert json.dumps(logs.redact(None, "info", dict(once)), default=str) == json.dumps(once, default=str)


def test_our_events_and_those_of_libraries_go_through_it(written: StringIO) -> None:
    structlog.get_logger().info("report.filed", phone="13812345678", chat="web:g-1")
    logging.getLogger("some.library").warning("could not reach %s", "https://minhu:hunter2@host/")
    ours, theirs = [json.loads(line) for line in written.getvalue().splitlines()]
    assert (ours["event"], ours["phone"], ours["chat"]) == ("report.filed", logs.HIDDEN, "web:g-1")
    assert "hunter2" not in json.dumps(theirs)


def test_a_traceback_does_not_quote_what_it_refused(written: StringIO) -> None:
    class Shape(BaseModel):
        count: int

    said = {"count": "三栋老王家漏水"}
    try:
        Shape.model_validate(said)
    except ValidationError:
        structlog.get_logger().exception("request.failed")
    line = written.getvalue()
    assert "老王" not in line
    assert "ValidationError" in line
