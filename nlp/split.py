"""Documents to passages: by chapter, article and numbered clause, with the path of headings kept, tables kept whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_CHARS = 350
PATH_MARK = " › "
_NUM = "[一二三四五六七八九十百零〇\\d]"
# rank, pattern: the outer marks of Chinese official writing before the inner ones
_MARKS: tuple[tuple[int, re.Pattern[str]], ...] = tuple(
    (rank, re.compile(pattern))
    for rank, pattern in enumerate(
        (
            r"#\s",
            r"##\s",
            r"#{3,6}\s",
            rf"第{_NUM}+[编篇](?=[\s\u4e00-\u9fff])",
            rf"第{_NUM}+章(?=[\s\u4e00-\u9fff])",
            rf"第{_NUM}+节(?=[\s\u4e00-\u9fff])",
            rf"第{_NUM}+条(?![第款项、，和规之的至]|\s*第)",
            r"[一二三四五六七八九十]{1,3}[、．]|[一二三四五六七八九十]{1,3}\.(?!\d)",
            r"[（(][一二三四五六七八九十]{1,3}[)）]",
            r"\d{1,2}[、．]|\d{1,2}\.(?![\d%％])|\d{1,2}(?:\.\d{1,2}){1,3}(?=[\s\u4e00-\u9fff])(?![年月日万亿元倍个度%％])",
            r"[（(]\d{1,2}[)）]",
            r"[①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮]",
        )
    )
)
_ARTICLE = 6
_SENTENCE = re.compile(r"[^。；！？!?;\n]*(?:[。；！？!?;\n]+[”’」』）)]*|$)")
_CLOSED = re.compile(r"[。；：！？!?;:]\s*[”’」』）)]*$")
_CONTENTS = re.compile(r"[\s.…·-]*-?\s*\d{1,4}\s*-?\s*$")
_FURNITURE = re.compile(r"\[pic\]|[-—–_=*\s]*\d{0,3}[-—–_=*\s]*|第\s*\d+\s*页.{0,12}")
_LABEL = re.compile(r"[，。；：:,;\s]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage's words and the headings above it, outermost first. `table`: rows that belong together."""

    text: str
    path: tuple[str, ...] = ()
    table: bool = False

    @property
    def clause(self) -> str:
        return PATH_MARK.join(self.path)


@dataclass(slots=True)
class _Open:
    """What is being gathered: pieces are closed when they grow past the limit or an article begins."""

    limit: int
    done: list[Piece] = field(default_factory=list)
    text: str = ""
    path: tuple[str, ...] = ()
    heading: str = ""

    def close(self) -> None:
        if self.text.strip():
            self.done.append(Piece(self.text.strip(), self.path))
        self.text = ""

    def add(self, text: str, path: tuple[str, ...], alone: bool) -> None:
        text, self.heading = self.heading + text, ""
        fits = len(self.text) + len(text) <= self.limit
        if alone or not fits or not self.text:
            self.close()
            self.path = path
        else:
            self.path = _shared(self.path, path)
        for part in cut_long(text, self.limit):
            if self.text and len(self.text) + len(part) > self.limit:
                self.close()
                self.path = path
            self.text += part


def split(text: str, limit: int = MAX_CHARS) -> list[Piece]:
    """Text of a document, lines or one flat run, to pieces of at most `limit` characters (tables may be longer by one row).

    An article (第…条) always begins a piece of its own; smaller clauses share one while they fit, under the headings they share.
    Every piece but a table stands in the document word for word, apart from white space.
    """
    opened = _Open(limit)
    stack: list[tuple[int, str]] = []
    for block in blocks(text):
        if block.startswith("|"):
            opened.close()
            opened.done.extend(Piece(t, tuple(h for _, h in stack), True) for t in _table_parts(block, limit))
            continue
        rank = mark_rank(block)
        if rank is not None:
            stack = [(r, h) for r, h in stack if r < rank] + [(rank, heading_of(block, rank))]
            if rank != _ARTICLE and len(block) < 40 and not _CLOSED.search(block.strip()):
                opened.heading += block
                continue
        opened.add(block, tuple(h for _, h in stack), alone=rank is not None and rank <= _ARTICLE)
    if opened.heading:
        opened.add("", tuple(h for _, h in stack), alone=False)
    opened.close()
    return opened.done


def mark_rank(block: str) -> int | None:
    """How deep in the numbering a block stands that begins with a mark; None without one."""
    return next((rank for rank, mark in _MARKS if mark.match(block)), None)


def heading_of(block: str, rank: int) -> str:
    """The mark with its heading where it has one: 第三章 附则, 第十二条, 一、服务对象."""
    mark = _MARKS[rank][1].match(block)
    if mark is None:
        return ""
    rest = block[mark.end() :].strip()
    if rank == _ARTICLE:
        return mark[0]
    first = _LABEL.split(rest.split("\n")[0], maxsplit=1)[0] if rank > 2 else rest.split("\n")[0]
    label = "" if len(first) > 24 else first
    return (label if rank <= 2 else f"{mark[0].strip()}{label}").strip()


def blocks(text: str) -> Iterator[str]:
    """Paragraphs: hard-wrapped lines joined again, flat runs opened before each mark, table rows together, no contents page."""
    held = ""
    for line in text.replace("\r\n", "\n").replace("\r", "\n").replace("\u3000", " ").split("\n"):
        bare = line.strip()
        is_row = bare.startswith("|") and bare.endswith("|") and bare.count("|") > 2
        wrapped = bool(held) and bool(bare) and not is_row and not held.startswith("|") and _continues(held, line)
        if is_row and held.startswith("|"):
            held += "\n" + bare
        elif wrapped:
            held += bare
        else:
            yield from _opened(held)
            held = bare
    yield from _opened(held)


def sentences(text: str) -> list[str]:
    """Sentences with their end marks; joined they are the text again."""
    return [s for s in _SENTENCE.findall(text) if s]


def cut_long(text: str, limit: int) -> list[str]:
    """Parts of at most `limit` characters, cut at ends of sentences, and inside one only when it is longer than the limit."""
    parts: list[str] = []
    for sentence in sentences(text):
        while len(sentence) > limit:
            cut = max(sentence.rfind(mark, limit // 2, limit) for mark in "，、,： ") + 1 or limit
            parts.append(sentence[:cut])
            sentence = sentence[cut:]
        if parts and len(parts[-1]) + len(sentence) <= limit:
            parts[-1] += sentence
        else:
            parts.append(sentence)
    return [p for p in parts if p.strip()]


def _continues(held: str, line: str) -> bool:
    """A line goes on when the one before was full, unfinished, and this one begins at the margin without a mark."""
    width = sum(1 if ord(c) < 0x2E80 else 2 for c in held.rsplit("\n", 1)[-1])
    return width >= 60 and not line.startswith((" ", "\t")) and not _CLOSED.search(held) and mark_rank(line.strip()) is None


def _opened(block: str) -> Iterator[str]:
    """A flat run broken before each mark after white space or the end of a sentence; lines of a contents page are dropped."""
    block = block.strip()
    if not block or _FURNITURE.fullmatch(block):
        return
    if block.startswith("|"):
        yield block
        return
    if len(block) < 60 and mark_rank(block) is not None and _CONTENTS.search(block) and re.search(r"\s[-\d]", block):
        return
    starts = [0]
    for found in re.finditer(r"(?<=[\s。；：！？;:])(?=[第（(①-⑮一二三四五六七八九十\d#])", block):
        at = found.start()
        if at > starts[-1] and mark_rank(block[at : at + 24]) is not None:
            starts.append(at)
    for start, end in zip(starts, [*starts[1:], len(block)], strict=True):
        yield block[start:end] + ("\n" if end == len(block) else "")


def _table_parts(table: str, limit: int) -> Iterator[str]:
    """A long table in parts, each with its head rows again."""
    rows = table.split("\n")
    head = rows[: 2 if len(rows) > 1 and set(rows[1]) <= set("|-: ") else 1]
    part: list[str] = []
    for row in rows[len(head) :]:
        if part and sum(map(len, (*head, *part, row))) > limit * 2:
            yield "\n".join((*head, *part))
            part = []
        part.append(row)
    yield "\n".join((*head, *part))


def _shared(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    """The headings above both: a piece of several clauses is cited by what they have in common."""
    same = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return a[:same]


def clause_at(text: str, clause: str, at: int) -> str:
    """The path of headings that holds for position `at` of a piece, whose own path is `clause`: a piece may hold several clauses."""
    stack = [(_rank_of(h), h) for h in clause.split(PATH_MARK)] if clause else []
    for found in re.finditer(r"(?:(?<=[\s。；：！？;:])|\A)(?=[第（(①-⑮一二三四五六七八九十\d#])", text):
        start = found.start()
        if start > at:
            break
        rank = mark_rank(text[start:])
        if rank is not None:
            heading = heading_of(text[start : start + 60], rank)
            stack = [(r, h) for r, h in stack if r < rank] + [(rank, heading)]
    return PATH_MARK.join(h for _, h in stack)


def _rank_of(heading: str) -> int:
    rank = mark_rank(heading)
    return 2 if rank is None else rank
