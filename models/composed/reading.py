"""Reads `.chat` files (conversations, a message a line), `lines*.tsv`, `matters*.tsv` and `alarms*.tsv` (single messages); the form is in
models/README.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from models.corpora import Labelled

FOLDER = Path(__file__).parent
CHINA = timezone(timedelta(hours=8))
PLACES = ("estate", "building", "unit", "room", "spot")

_MEMBER = re.compile(r"(\w+) (\S+) (resident|micro_worker|grid_worker|community|property|department)$")
_MESSAGE = re.compile(
    r"(?:(?:(?P<year>\d{4})-)?(?P<month>\d{1,2})-(?P<day>\d{1,2}) )?(?P<clock>\d{1,2}:\d{2}(?::\d{2})?) "
    r"(?P<sender>\w+) (?P<rest>[^|]*?)\s*\|\s?(?P<text>.*)$"
)
_MATTER = re.compile(r"(?P<id>\w+) (?P<category>[a-z_.]+)(?P<alarm>!?)(?P<place>(?: [a-z]+=[^|]+?)?)\s*\|\s*(?P<summary>.*)$")
_MEDIA = re.compile(r"\[(photo|video|voice|file|location|sticker)\]")
_QUOTED = re.compile(r">(\d+)")
_SIMPLE = {"chat", "notice"}
_KINDS = {"report", "supplement", "follow_up", "question", "reply", *_SIMPLE}


class ComposedError(ValueError):
    """A line that does not follow the form; the message names file, line and what was expected."""


@dataclass(slots=True)
class _Draft:
    """A conversation while it is read. `moment`: when the last message was said."""

    header: dict[str, Any]
    members: dict[str, dict[str, str]] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    matters: dict[str, dict[str, Any]] = field(default_factory=dict)
    moment: datetime | None = None


def conversations(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """Every conversation of the folder's `.chat` files in the form of a transcript, and whose `hand` wrote it (gate1.chat: gate).
    Raises ComposedError."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.chat")):
        for transcript in read(path):
            if transcript["id"] in found:
                raise ComposedError(f"{path.name}: there is another conversation {transcript['id']}; give this one an id of its own")
            found[transcript["id"]] = transcript | {"hand": path.stem.rstrip("0123456789")}
    return list(found.values())


def single_messages(folder: Path = FOLDER, names: str = "lines*.tsv") -> list[Labelled]:
    """The rows of the files: kind, category, emergency, text. Raises ComposedError."""
    found: list[Labelled] = []
    for path in sorted(folder.glob(names)):
        for number, line in enumerate(path.read_text(encoding="utf8").splitlines(), 1):
            if not line.strip():
                continue
            cells = line.split("\t")
            if len(cells) != 4 or cells[0] not in _KINDS or cells[2] not in ("true", "false") or not cells[3].strip():
                raise ComposedError(f"{path.name}:{number}: four tab-separated cells are expected: kind, category, true|false, text")
            found.append(Labelled(cells[3].strip(), cells[1], "", cells[0], cells[2] == "true", "composed", f"{path.stem}:{number}"))
    return found


def matter_lines(folder: Path = FOLDER) -> list[Labelled]:
    """The rows of `matters*.tsv` and `alarms*.tsv`. Raises ComposedError."""
    return [*single_messages(folder, "matters*.tsv"), *single_messages(folder, "alarms*.tsv")]


def matter_messages(folder: Path = FOLDER) -> list[Labelled]:
    """The rows of `matters*.tsv`, reports and questions without the small talk that is around them in a group, and of `alarms*.tsv`,
    emergencies and what only sounds like one; reports and questions of the conversations in `terse/`. To learn matters and alarms
    from, not kinds. Raises ComposedError."""
    rows = matter_lines(folder)
    for talk in conversations(folder / "terse"):
        burning = {m["id"] for m in talk["matters"] if m["emergency"]}
        for message in talk["messages"]:
            gold = message["gold"]
            if gold["kind"] in ("report", "question") and gold.get("category") and len(message["text"]) > 1:
                alarm = gold.get("matter") in burning
                rows.append(Labelled(message["text"], gold["category"], "", gold["kind"], alarm, "composed", talk["id"]))
    return rows


def read(path: Path) -> Iterator[dict[str, Any]]:
    """One `.chat` file → transcripts. Raises ComposedError at the first line that does not fit."""
    draft: _Draft | None = None
    part = 0
    for number, line in enumerate(path.read_text(encoding="utf8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            if line.startswith("== "):
                if draft:
                    yield _finished(draft)
                draft, part = _Draft(_header(line)), 0
            elif draft is None:
                raise ComposedError("a conversation begins with '== id | grid | estates | places | note'")
            elif line.strip() == "--":
                part += 1
            else:
                (_member, _message, _matter)[min(part, 2)](draft, line)
        except (ComposedError, ValueError) as error:
            raise ComposedError(f"{path.name}:{number}: {error}") from error
    if draft:
        try:
            yield _finished(draft)
        except ComposedError as error:
            raise ComposedError(f"{path.name}: {error}") from error


def _header(line: str) -> dict[str, Any]:
    cells = [cell.strip() for cell in line[3:].split("|")]
    if len(cells) != 5:
        raise ComposedError("the header has five parts: == id | grid | estates | places | note")
    estates, places = ([name.strip() for name in re.split("[,，]", cell) if name.strip()] for cell in cells[2:4])
    return {"id": cells[0], "note": cells[4], "grid": {"code": cells[0], "name": cells[1], "estates": estates, "places": places}}


def _member(draft: _Draft, line: str) -> None:
    found = _MEMBER.match(line.strip())
    if not found:
        raise ComposedError("a member is 'id name role', the name without spaces")
    draft.members[found[1]] = {"id": found[1], "name": found[2], "role": found[3]}


def _message(draft: _Draft, line: str) -> None:
    found = _MESSAGE.match(line.strip())
    if not found:
        raise ComposedError("a message is '[date] time sender kind [matter [category]] … | text'")
    if found["sender"] not in draft.members:
        raise ComposedError(f"{found['sender']} is no member")
    draft.moment = _moment(draft.moment, found)
    rest = found["rest"]
    media, quoted = _MEDIA.search(rest), _QUOTED.search(rest)
    if quoted and not 1 <= int(quoted[1]) <= len(draft.messages):
        raise ComposedError(f"message {quoted[1]} was not said before")
    text = found["text"].strip().replace("\\n", "\n")
    if not text and not media:
        raise ComposedError("a message without words needs its media, as [photo]")
    draft.messages.append(
        {
            "id": f"m{len(draft.messages) + 1}", "from": found["sender"], "at": draft.moment.isoformat(), "text": text,
            "reply_to": f"m{quoted[1]}" if quoted else None, "media": media[1] if media else None,
            "gold": _gold(_QUOTED.sub("", _MEDIA.sub("", rest))),
        }
    )  # fmt: skip


def _moment(last: datetime | None, found: re.Match[str]) -> datetime:
    if last is None and not found["year"]:
        raise ComposedError("the first message gives the whole date, as 2026-03-02")
    hour, minute, second = (*(int(n) for n in found["clock"].split(":")), 0)[:3]
    base = last or datetime(int(found["year"]), 1, 1, tzinfo=CHINA)
    if found["month"]:
        base = datetime(int(found["year"] or base.year), int(found["month"]), int(found["day"]), tzinfo=CHINA)
    moment = base.replace(hour=hour, minute=minute, second=second)
    if last and moment < last:
        if moment.replace(second=59) < last:
            raise ComposedError("time runs backwards; name the date where a new day begins")
        moment = last + timedelta(seconds=1)  # two messages of one minute, one with seconds
    return moment


def _gold(words: str) -> dict[str, Any]:
    first, *others = [part.split() for part in words.split("+")]
    if not first or first[0] not in _KINDS:
        raise ComposedError(f"the kind must be one of {', '.join(sorted(_KINDS))}")
    kind, told = first[0], first[1:]
    wanted = {"report": (2,), "supplement": (1, 2), "follow_up": (1, 2), "reply": (0, 1, 2), "question": (1,), "chat": (0,), "notice": (0,)}
    if len(told) not in wanted[kind]:
        raise ComposedError(f"{kind} cannot carry {' '.join(told) or 'nothing'}")
    gold: dict[str, Any] = {"kind": kind}
    if kind == "question":
        return gold | {"category": told[0]}
    gold |= dict(zip(("matter", "category"), told, strict=False))
    if others:
        gold["also"] = [dict(zip(("matter", "category"), other, strict=False)) for other in others]
    return gold


def _matter(draft: _Draft, line: str) -> None:
    found = _MATTER.match(line.strip())
    if not found:
        raise ComposedError("a matter is 'id category[!] [estate= building= unit= room= spot=] | summary'")
    place: dict[str, str | None] = dict.fromkeys(PLACES)
    for name, value in re.findall(r"([a-z]+)=(.+?)(?= [a-z]+=|$)", found["place"].strip()):
        if name not in place:
            raise ComposedError(f"a place has {', '.join(PLACES)}, not {name}")
        place[name] = value.strip()
    draft.matters[found["id"]] = {
        "id": found["id"], "category": found["category"], "emergency": bool(found["alarm"]), "messages": [],
        "place": place, "summary": found["summary"].strip(),
    }  # fmt: skip


def _finished(draft: _Draft) -> dict[str, Any]:
    name = draft.header["id"]
    for message in draft.messages:
        gold = message["gold"]
        for told in (gold, *gold.get("also", ())):
            matter = told.get("matter")
            if matter is None:
                continue
            if matter not in draft.matters:
                raise ComposedError(f"{name} {message['id']}: matter {matter} is not told at the end")
            if gold["kind"] != "reply":
                draft.matters[matter]["messages"].append(message["id"])
    for matter in draft.matters.values():
        if not matter["messages"]:
            raise ComposedError(f"{name}: nobody tells of matter {matter['id']}")
    return draft.header | {"members": list(draft.members.values()), "messages": draft.messages, "matters": list(draft.matters.values())}
