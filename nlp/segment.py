"""Words out of Chinese text: rjieba for speed, jieba where only it will do, one domain dictionary for both."""

from __future__ import annotations

import logging
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import rjieba

if TYPE_CHECKING:
    from collections.abc import Sequence

WORDS_PATH = Path(__file__).with_name("lexicon") / "words.txt"
_FREQUENCY = 20000
"""Above the frequency of the parts of every word listed, so that the listed word wins."""
_rust_lock = threading.Lock()


@lru_cache(maxsize=1)
def domain_words() -> tuple[tuple[str, str], ...]:
    """`(word, part of speech)` of the domain dictionary: what a grid group talks about and general dictionaries split."""
    rows: list[tuple[str, str]] = []
    for line in WORDS_PATH.read_text(encoding="utf8").splitlines():
        word, _, tag = line.partition(" ")
        if word and not word.startswith("#"):
            rows.append((word, tag or "n"))
    return tuple(rows)


@lru_cache(maxsize=1)
def _rust() -> Any:
    cutter = rjieba.Jieba()
    for word, tag in domain_words():
        cutter.add_word(word, _FREQUENCY, tag)
    return cutter


@lru_cache(maxsize=1)
def _python() -> Any:
    """jieba's tagger with its own tokenizer: nobody else's dictionary is touched, nothing is written to the temp folder."""
    import jieba
    import jieba.posseg

    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    # jieba caches its prefix dictionary as a pickle-like file in the temp folder; we build it in memory instead
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    for word, tag in domain_words():
        tokenizer.add_word(word, _FREQUENCY, tag)
    return jieba.posseg.POSTokenizer(tokenizer)


def cut(text: str) -> list[str]:
    """Words in order; joined they are `text` again. Empty text gives an empty list."""
    with _rust_lock:
        return cast("list[str]", _rust().cut(text)) if text else []


def cut_for_search(text: str) -> list[str]:
    """Words and the shorter words inside them, for an index; space and punctuation are left out."""
    if not text:
        return []
    with _rust_lock:
        words = cast("list[str]", _rust().cut_for_search(text))
    return [word for word in words if any(c.isalnum() for c in word)]


def tag(text: str) -> list[tuple[str, str]]:
    """`(word, part of speech)` by jieba's tagger, which finds names of persons (nr) by their surnames.

    Twenty times slower than `cut`: give it the sentence in question, not a whole document.
    """
    return [(pair.word, pair.flag) for pair in _python().cut(text)] if text else []


def is_word(text: str) -> bool:
    """Whether the dictionaries hold `text` as one word."""
    with _rust_lock:
        return bool(_rust().has_word(text))


def warm(texts: Sequence[str] = ("",)) -> None:
    """Loads both dictionaries (0.7 s) before the first message does."""
    for text in texts:
        cut(text or "一")
    tag("一")
