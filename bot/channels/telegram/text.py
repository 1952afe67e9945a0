"""Telegram's length of a text, and cutting one that is longer at a place where a reader would pause."""

from __future__ import annotations

import unicodedata

# sendMessage: 1-4096 characters, counted here in UTF-16 units (core.telegram.org/bots/api), which is never too few
LONGEST = 4096
_PAUSES = ("\n\n", "\n", "。", "！", "？", "；", ". ", "，", " ")


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def split_text(text: str, longest: int = LONGEST) -> list[str]:
    """Pieces of at most `longest` UTF-16 units, none empty, cut after a pause in the second half where there is one.

    Joined, the pieces are the text without the white space at the cuts.
    """
    pieces = []
    rest = text
    while units(rest) > longest:
        head = _head(rest, longest)
        pieces.append(head.rstrip())
        rest = rest[len(head) :].lstrip()
    pieces.append(rest)
    return [piece for piece in pieces if piece.strip()]


def _head(text: str, longest: int) -> str:
    fits = len(text.encode("utf-16-le", "surrogatepass")[: longest * 2].decode("utf-16-le", "ignore"))
    for pause in _PAUSES:
        cut = text.rfind(pause, fits // 2, fits)
        if cut >= 0:
            return text[: cut + len(pause)]
    # an emoji or a letter with marks is not torn apart, unless it alone fills the piece
    cut = fits
    while cut > 1 and _belongs_to_the_one_before(text, cut):
        cut -= 1
    return text[: cut if cut > 1 else fits]


def _belongs_to_the_one_before(text: str, at: int) -> bool:
    joiner = "\u200d"
    mark = text[at]
    tone = "\U0001f3fb" <= mark <= "\U0001f3ff"
    return mark == joiner or text[at - 1] == joiner or tone or unicodedata.category(mark) in ("Mn", "Me", "Mc")
