"""How every process of ours logs: structlog, one line an event; personal data and secrets are taken out before it is written."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

HIDDEN = "[hidden]"
_PRIVATE_KEYS = re.compile(
    r"(?i)^(text|masked|original|message|body|payload|title|description|reason|question|answer|name|handle|phone|address|household"
    r"|reporter|sender|place|params)$|token|password|passwd|secret|authorization|cookie|api_?key|credential"
)
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"), HIDDEN),  # user:password in an address
    (re.compile(r"(?i)\b(bearer)\s+[\w.~+/=-]+"), r"\1 " + HIDDEN),
    (re.compile(r"(?<!\d)\d{6,12}:[A-Za-z0-9_-]{30,}"), HIDDEN),  # a Telegram bot token, also inside /bot<token>/
    (re.compile(r"(?<![0-9A-Za-z])\d{17}[0-9Xx](?![0-9A-Za-z])"), HIDDEN),  # a resident identity number
    (re.compile(r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\d)"), HIDDEN),  # a mobile number
    (re.compile(r"(?<!\d)\d{16,19}(?!\d)"), HIDDEN),  # a bank card
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), HIDDEN),  # an e-mail address
    (re.compile(r"(?i)\b((?:token|password|secret|code)=)[^&\s]+"), r"\1" + HIDDEN),
    (re.compile(r"input_value=.*?(?=, input_type=|\n|$)"), "input_value=" + HIDDEN),  # pydantic quotes what it refuses
    (re.compile(r"\[parameters: .*?\](?=\n|$)", re.DOTALL), "[parameters: " + HIDDEN + "]"),  # so does SQLAlchemy
)


def redact(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: hide values whose key says they are private, and personal data inside any other value."""
    for key, value in list(event.items()):
        event[key] = HIDDEN if _PRIVATE_KEYS.search(key) and value not in (None, "") else _clean(value)
    return event


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        for pattern, stand_in in _PATTERNS:
            value = pattern.sub(stand_in, value)
        return value
    if isinstance(value, dict):
        return {k: HIDDEN if _PRIVATE_KEYS.search(str(k)) and v not in (None, "") else _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return _clean_number(value)
    return _clean(str(value))


def _clean_number(value: Any) -> Any:
    return HIDDEN if isinstance(value, int) and not isinstance(value, bool) and _clean(str(value)) != str(value) else value


def configure(level: str = "INFO", as_json: bool = False, stream: TextIO | None = None) -> None:
    """Send our events and those of every library (uvicorn, httpx, SQLAlchemy) through the same redaction to `stream` (stderr)."""
    logging.raiseExceptions = False  # logging's own complaint would print the line as it was before redaction
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact,
    ]
    render: Any = structlog.processors.JSONRenderer(ensure_ascii=False) if as_json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for quiet in ("httpx", "httpcore", "uvicorn.access", "multipart", "python_multipart"):
        logging.getLogger(quiet).setLevel(logging.WARNING)
    for taken_over in ("uvicorn", "uvicorn.error"):
        logging.getLogger(taken_over).handlers[:] = []
        logging.getLogger(taken_over).propagate = True
