"""Documents of a policy base as values: their words, their metadata, and the passages that are cited."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import yaml

from nlp.schema import Passage
from nlp.split import MAX_CHARS, split

MAX_DOCUMENT_CHARS = 5_000_000
_OPENING = 1200
_NUMBER = re.compile(r"[\u4e00-\u9fff]{1,15}[〔\[【(（]\d{4}[〕\]】)）]\s*\d{1,5}\s*号|[\u4e00-\u9fff]{2,12}令第\s*\d{1,4}\s*号")
_DAY = re.compile(r"(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日")
_TITLE_END = re.compile(r"[。；！？]|[\s\u3000]+")
_TITLE_WORD = re.compile(
    r"(?:办法|规定|条例|通知|意见|方案|细则|规范|公告|通告|指南|措施|决定|须知|指引|规则|标准|问答|政策)(?:[（(][^）)]{1,20}[)）])?(?:的通知|的公告|的通告)?$"
)
_FRONT = re.compile(r"\A---\s*\n(.*?)\n---\s*\n", re.S)


_AUDIENCE = Path(__file__).parent / "lexicon" / "audience.yaml"


class DocumentError(ValueError):
    """A document that cannot be taken into the base; the message is the reason in a few words, `code` the kind of reason."""

    def __init__(self, message: str, code: str = "unreadable") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Document:
    """One document, or one sheet of curated pairs. Dates are YYYY-MM-DD, `area` is 市/区/街道/社区; "" = not said.

    `supersedes` names documents by id, number or title. `pairs`: (question, answer) that are given word for word.
    """

    id: str
    text: str = ""
    title: str = ""
    number: str = ""
    issuer: str = ""
    date: str = ""
    valid_from: str = ""
    valid_until: str = ""
    supersedes: tuple[str, ...] = ()
    area: str = ""
    audience: str = ""
    link: str = ""
    pairs: tuple[tuple[str, str], ...] = ()

    @property
    def hash(self) -> str:
        """Changes when anything that is searched or cited would."""
        return hashlib.sha256(json.dumps(asdict(self), ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def document(row: Mapping[str, Any]) -> Document:
    """A mapping of metadata and `text` (or `question`, `answer`) to a Document; what it does not say is read from the text.

    Keys nobody knows are ignored. Raises DocumentError when there is no id, no text, or a field is not text.
    """
    known = {f.name for f in fields(Document)} - {"supersedes", "pairs", "text"}
    values: dict[str, str] = {k: str(v).strip() for k, v in row.items() if k in known and v is not None}
    if not values.get("id"):
        raise DocumentError("no id", "no_id")
    text = row.get("text") or ""
    if not isinstance(text, str):
        raise DocumentError("text is not a string", "no_text")
    if len(text) > MAX_DOCUMENT_CHARS:
        raise DocumentError(f"longer than {MAX_DOCUMENT_CHARS} characters", "too_long")
    pairs = [(str(q).strip(), str(a).strip()) for q, a in row.get("pairs") or ()]
    if row.get("question") and row.get("answer"):
        pairs.append((str(row["question"]).strip(), str(row["answer"]).strip()))
    if not text.strip() and not pairs:
        raise DocumentError("no text", "no_text")
    supersedes = row.get("supersedes") or ()
    names = (supersedes,) if isinstance(supersedes, str) else tuple(str(s) for s in supersedes)
    for key in ("date", "valid_from", "valid_until"):
        if values.get(key):
            values[key] = iso_day(values[key])
    return Document(**{**_read_off(text), **{k: v for k, v in values.items() if v}}, text=text, supersedes=names, pairs=tuple(pairs))


def document_of_text(name: str, text: str) -> Document:
    """A plain text or Markdown file; a front matter (`key: value` lines between ---) gives its metadata."""
    front = _FRONT.match(text)
    row: dict[str, Any] = {"id": name}
    if front:
        for line in front[1].splitlines():
            key, colon, value = line.partition(":")
            if colon and value.strip():
                row[key.strip()] = value.strip().strip("\"'")
        row["supersedes"] = [s.strip() for s in str(row.get("supersedes", "")).split("；") if s.strip()]
    return document({**row, "text": text[front.end() :] if front else text})


class Named(Protocol):
    """What heirs are found by; a Document is one."""

    @property
    def id(self) -> str: ...
    @property
    def number(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def supersedes(self) -> Sequence[str]: ...
    @property
    def valid_from(self) -> str: ...
    @property
    def date(self) -> str: ...


_Named = TypeVar("_Named", bound=Named)


def passages_of(source: Document, limit: int = MAX_CHARS, *, heir: str = "", heir_from: str = "") -> list[Passage]:
    """The passages of a document in its order; ids are `doc#n` and stay the same while the document does.

    Those of a superseded document name their `heir` and end the day before it begins.
    """
    about: dict[str, Any] = {k: getattr(source, k) for k in ("title", "number", "issuer", "date", "link", "valid_from", "area")}
    last = min(filter(None, (source.valid_until, _day_before(heir_from) if heir else "")), default="")
    about |= {"valid_until": last, "superseded_by": heir, "staff_only": is_for_staff(source.audience)}
    found = [Passage(f"{source.id}#{i}", source.id, p.text, clause=p.clause, **about) for i, p in enumerate(split(source.text, limit))]
    found += [Passage(f"{source.id}#q{i}", source.id, q, curated_answer=a, **about) for i, (q, a) in enumerate(source.pairs)]
    return found


def passages_of_all(documents: Iterable[Document]) -> list[Passage]:
    """The passages of a whole base, with who supersedes whom."""
    every = list(documents)
    heirs = heirs_of(every)
    found: list[Passage] = []
    for source in every:
        heir = heirs.get(source.id)
        found += passages_of(source, heir=heir.id, heir_from=heir.valid_from or heir.date) if heir else passages_of(source)
    return found


def heirs_of(documents: Iterable[_Named]) -> dict[str, _Named]:
    """Document id → the document that supersedes it (named by id, number or title), the latest where several do."""
    every = list(documents)
    named: dict[str, list[str]] = {}
    for source in every:
        for name in {source.id, source.number, source.title} - {""}:
            named.setdefault(_plain(name), []).append(source.id)
    heirs: dict[str, _Named] = {}
    for heir in sorted(every, key=lambda d: d.valid_from or d.date):
        for name in heir.supersedes:
            heirs |= {old: heir for old in named.get(_plain(name), ()) if old != heir.id}
    return heirs


def is_named(own: Iterable[str], names: Iterable[str]) -> bool:
    """Whether a document with these own names (id, number, title) is among those that `names` tell of."""
    told = {_plain(name) for name in names}
    return any(_plain(name) in told for name in own if name)


def is_for_staff(audience: str) -> bool:
    """Whether a document's audience keeps it from residents."""
    return bool(_staff_words() & set(re.split(r"[\s、，,;；/]+", audience.strip().lower())))


@lru_cache(maxsize=1)
def _staff_words() -> frozenset[str]:
    return frozenset(yaml.safe_load(_AUDIENCE.read_text(encoding="utf8"))["staff_only"])


def _plain(name: str) -> str:
    return "".join(c for c in name if c.isalnum())


def _day_before(day: str) -> str:
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat() if day else ""


def iso_day(text: str) -> str:
    """2020年2月3日, 2020/2/3, 2020-02-03 → 2020-02-03. Raises DocumentError for anything else."""
    found = re.match(r"(\d{4})\s*[年/.-]\s*(\d{1,2})\s*[月/.-]\s*(\d{1,2})", text)
    try:
        return date(*(int(part) for part in found.groups())).isoformat() if found else _no_date(text)
    except ValueError:
        return _no_date(text)


def _no_date(text: str) -> str:
    raise DocumentError(f"{text!r} is no date like 2020-02-03", "bad_date")


def _read_off(text: str) -> dict[str, str]:
    """Title, number and date as they stand in the text; a document that does not say them simply has none."""
    opening = text[:_OPENING]
    number = _NUMBER.search(opening)
    days = _DAY.findall(text[-400:]) or _DAY.findall(opening)
    try:
        written = iso_day("-".join(days[-1])) if days else ""
    except DocumentError:  # 2月30日 in a text is not ours to mend
        written = ""
    return {"title": title_of(text), "number": number[0] if number else "", "date": written}


def title_of(text: str) -> str:
    """The first run of words that ends like a title, else the first run of some length, without marks of Markdown."""
    runs = [r.strip("#* |\t") for r in _TITLE_END.split(text[:_OPENING]) if r and r.strip("#* |\t-_")]
    likely = next((r for r in runs[:30] if 6 <= len(r) <= 80 and _TITLE_WORD.search(r)), None)
    return likely or next((r for r in runs if len(r) >= 4), runs[0] if runs else "")[:80]
