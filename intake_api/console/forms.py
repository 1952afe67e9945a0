"""From a form of the console to an act of the wire, and from the acts a person may do to the forms that ask for them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from intake_api.console.frame import words
from intake_api.contracts import Act
from intake_api.problems import invalid

_ACT: TypeAdapter[Act] = TypeAdapter(Act)
_PLACE = ("text", "estate", "building", "unit", "floor", "room", "road", "spot")
# act → the fields of its form that go to the wire under the same name
_FIELDS: dict[str, tuple[str, ...]] = {
    "recategorise": ("category",),
    "merge": ("into",),
    "dispatch": ("unit", "level"),
    "ask_info": ("question",),
    "give_info": ("text",),
    "finish": ("closing_code", "public_reply"),
    "transfer": ("to",),
    "note": ("text",),
    "reply": ("text",),
    "add_unit": ("unit",),
}
_DECIDED = {"decide_extension": "granted", "call_back": "solved"}


def act_of(form: dict[str, str], login: str, zone: ZoneInfo) -> Act:
    """The act a form asks for. `zone` is that of times typed in. Raises 422 `invalid`; the form's nonce makes it count once."""
    name = form.get("act", "")
    body: dict[str, Any] = {"act": name, "reason": form.get("reason", "").strip()}
    if form.get("nonce"):
        body["key"] = f"console:{login}:{form['nonce'][:60]}"
    for field in _FIELDS.get(name, ()):
        value = form.get(field, "").strip()
        if value:
            body[field] = value
    if name in _DECIDED:
        body[_DECIDED[name]] = form.get("answer") == "yes"
    if name == "request_extension":
        body["until"] = _moment(form.get("until", ""), zone)
    if name == "correct_place":
        body["place"] = {field: form[field].strip() for field in _PLACE if form.get(field, "").strip()}
    return _ACT.validate_python(body)


def _moment(typed: str, zone: ZoneInfo) -> datetime:
    try:
        return datetime.fromisoformat(typed).replace(tzinfo=zone)
    except ValueError as error:
        raise invalid("invalid", "Say until when.") from error


def asked_of(moves: list[str]) -> list[tuple[str, dict[str, Any]]]:
    """(act, how its form looks) of what somebody may do, in the order the page offers them."""
    known: dict[str, dict[str, Any]] = words()["acts"]
    default = {"first": False, "danger": False, "asks": "", "hint": "", "hidden": False}
    offered = [(act, {**default, **known[act]}) for act in known if act in moves]
    return [(act, form) for act, form in offered if not form["hidden"]]
