"""The words inside a button: `verb:ticket[:argument]`, at most 64 bytes of ASCII (Telegram's limit)."""

from __future__ import annotations

import base64
import binascii
import uuid
from dataclasses import dataclass

LIMIT = 64


@dataclass(frozen=True, slots=True)
class Action:
    """A pressed button, read back. `argument` is "" where the verb needs none."""

    verb: str
    ticket: str
    argument: str = ""


def short(ticket_id: str) -> str:
    """A uuid in 22 characters; any other id as it is."""
    try:
        return base64.urlsafe_b64encode(uuid.UUID(ticket_id).bytes).decode().rstrip("=")
    except ValueError:
        return ticket_id


def long(short_id: str) -> str:
    """The id that `short` shortened."""
    if len(short_id) == 22:
        try:
            return str(uuid.UUID(bytes=base64.urlsafe_b64decode(short_id + "==")))
        except (ValueError, binascii.Error):
            return short_id
    return short_id


def write(verb: str, ticket_id: str, argument: str = "") -> str:
    """Raises ValueError when the button would not fit: a catalogue id longer than 36 characters, say."""
    text = ":".join(part for part in (verb, short(ticket_id), argument) if part)
    if len(text.encode()) > LIMIT:
        raise ValueError(f"button {text!r} is longer than {LIMIT} bytes; use a shorter matter id")
    return text


def read(text: str) -> Action | None:
    """None for anything that is not a button of ours: buttons of an older version, forged data."""
    parts = text.split(":", 2)
    if len(parts) < 2 or not parts[0].isalpha() or not parts[1]:
        return None
    return Action(parts[0], long(parts[1]), parts[2] if len(parts) == 3 else "")
