"""Files to documents: txt, md, jsonl, docx, pdf, html, xlsx, each through a kept library; tables become rows of `| a | b |`."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath
from typing import Any

from nlp.documents import Document, DocumentError, document, document_of_text

MAX_BYTES = 64 * 1024 * 1024
# docx and xlsx are archives: a small one may hold a mountain
MAX_UNPACKED = 512 * 1024 * 1024
_QUESTION_HEADS = frozenset({"question", "问题", "问", "咨询问题", "标准问题", "常见问题"})
_ANSWER_HEADS = frozenset({"answer", "答案", "答", "回复", "解答", "答复", "标准答案"})


def read_file(name: str, data: bytes) -> tuple[list[Document], list[str]]:
    """A file's documents, and one line for each part that could not be read. Raises DocumentError when nothing can."""
    reader = _READERS.get(PurePath(name).suffix.lower())
    if reader is None:
        raise DocumentError(f"{PurePath(name).suffix or 'a file without ending'} is not read; give {' '.join(sorted(_READERS))}", "ending")
    if len(data) > MAX_BYTES:
        raise DocumentError(f"larger than {MAX_BYTES // 2**20} MiB", "too_large")
    if not data:
        raise DocumentError("empty", "empty")
    return reader(name, data)


def readable(name: str) -> bool:
    return PurePath(name).suffix.lower() in _READERS


def decode(data: bytes) -> str:
    """UTF-8, UTF-16 with its mark, or GB18030. Raises DocumentError when it is none of them."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            break
        return text
    raise DocumentError("neither UTF-8 nor GB18030 text", "encoding")


def _text(name: str, data: bytes) -> tuple[list[Document], list[str]]:
    return [document_of_text(name, decode(data))], []


def _jsonl(name: str, data: bytes) -> tuple[list[Document], list[str]]:
    found: list[Document] = []
    wrong: list[str] = []
    for n, line in enumerate(decode(data).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise DocumentError("not an object")
            found.append(document(row))
        except json.JSONDecodeError as error:
            wrong.append(f"line {n}: not JSON ({error.msg})")
        except (DocumentError, TypeError, ValueError) as error:
            wrong.append(f"line {n}: {error}")
    if not found:
        raise DocumentError(wrong[0] if wrong else "empty")
    return found, wrong


def _docx(name: str, data: bytes) -> tuple[list[Document], list[str]]:
    import docx
    from docx.table import Table

    lines: list[str] = []
    for part in docx.Document(io.BytesIO(data)).iter_inner_content():
        if isinstance(part, Table):
            lines += _table([cell.text for cell in row.cells] for row in part.rows)
        else:
            style = str(part.style.name) if part.style is not None else ""
            level = style.removeprefix("Heading ") if style.startswith("Heading ") else ""
            lines.append(f"{'#' * int(level)} {part.text}" if level.isdigit() else part.text)
    return [document({"id": name, "text": "\n".join(lines)})], []


def _pdf(name: str, data: bytes) -> tuple[list[Document], list[str]]:
    import pypdf

    reader = pypdf.PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        raise DocumentError("locked by a password", "locked")
    text = "\n".join(page.extract_text() for page in reader.pages)
    if not text.strip():
        raise DocumentError("holds pictures of pages and no text; run it through text recognition first", "pictures")
    return [document({"id": name, "text": text})], []


def _html(name: str, data: bytes) -> tuple[list[Document], list[str]]:
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(data if b"charset" in data[:2048].lower() and b"gb" not in data[:2048].lower() else decode(data))
    tree.strip_tags(["script", "style", "noscript", "nav", "template", "iframe", "svg"])
    for table in tree.css("table"):
        rows = _table([c.text(separator=" ", strip=True) for c in row.css("th, td")] for row in table.css("tr"))
        table.replace_with("\n" + "\n".join(rows) + "\n")
    for level in range(1, 7):
        for heading in tree.css(f"h{level}"):
            heading.replace_with(f"\n{'#' * level} {heading.text(separator=' ', strip=True)}\n")
    for block in tree.css("p, div, li, br, section, article"):
        block.insert_after("\n")
    if tree.body is None:
        raise DocumentError("no body")
    named = tree.css_first("title")
    row: dict[str, Any] = {"id": name, "text": tree.body.text(separator="")}
    return [document({**row, "title": named.text(strip=True)} if named and named.text(strip=True) else row)], []


def _xlsx(name: str, data: bytes) -> tuple[list[Document], list[str]]:
    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    pairs: list[tuple[str, str]] = []
    lines: list[str] = []
    for sheet in book.worksheets:
        rows = [["" if v is None else str(v).strip() for v in row] for row in sheet.iter_rows(values_only=True)]
        rows = [row for row in rows if any(row)]
        heads = [h.lower() for h in rows[0]] if rows else []
        ask, tell = (next((i for i, h in enumerate(heads) if h in names), None) for names in (_QUESTION_HEADS, _ANSWER_HEADS))
        if ask is not None and tell is not None:
            pairs += [(row[ask], row[tell]) for row in rows[1:] if row[ask] and row[tell]]
        else:
            lines += [f"# {sheet.title}", *_table(rows)]
    title = PurePath(name).stem
    return [document({"id": name, "title": title, "text": "\n".join(lines), "pairs": pairs})], []


def _table(rows: Iterable[Iterable[str]]) -> Iterator[str]:
    for row in rows:
        cells = [" ".join(cell.split()).replace("|", "／") for cell in row]
        yield f"| {' | '.join(cells)} |" if len(cells) > 1 else (cells[0] if cells else "")


def _guarded(
    reader: Callable[[str, bytes], tuple[list[Document], list[str]]],
) -> Callable[[str, bytes], tuple[list[Document], list[str]]]:
    """The libraries raise whatever they stumble over in a damaged file; to the importer all of it means: cannot be read."""

    def read(name: str, data: bytes) -> tuple[list[Document], list[str]]:
        try:
            if data.startswith(b"PK") and sum(part.file_size for part in zipfile.ZipFile(io.BytesIO(data)).infolist()) > MAX_UNPACKED:
                raise DocumentError(f"more than {MAX_UNPACKED // 2**20} MiB when unpacked", "too_large")
            return reader(name, data)
        except DocumentError:
            raise
        except zipfile.BadZipFile as error:
            raise DocumentError("damaged, or not what its ending says", "damaged") from error
        except Exception as error:
            raise DocumentError(f"damaged ({type(error).__name__})", "damaged") from error

    return read


_READERS = {
    ".txt": _text,
    ".md": _text,
    ".jsonl": _jsonl,
    ".docx": _guarded(_docx),
    ".pdf": _guarded(_pdf),
    ".html": _guarded(_html),
    ".htm": _guarded(_html),
    ".xlsx": _guarded(_xlsx),
}
