"""A message with its situation as one line: who says it, what it quotes or may mean, what was said before; and what is read in it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path

import yaml

from nlp.encoder import OnnxEncoder
from nlp.linear import Floats, softmax
from nlp.schema import STAFF_ROLES, Earlier, Utterance
from nlp.text import normalise

PREVIOUS = 3
QUOTED_CHARS, EARLIER_CHARS, TEXT_CHARS = 30, 22, 90
ALIKE = 2
"""What a report must share with a message to be shown beside it: a telling character counts 1, two that stand together 2 more."""
COMMON_PATH = Path(__file__).with_name("lexicon") / "context.yaml"
_ROLES = {
    "resident": "居民",
    "micro_worker": "网格员",
    "grid_worker": "网格员",
    "community": "社区",
    "property": "物业",
    "department": "部门",
}
_MEDIA = {"photo": "图片", "video": "视频", "voice": "语音", "file": "文件", "location": "位置", "sticker": "表情"}
_GAPS = ((180, "刚才"), (3600, "先前"), (float("inf"), "早前"))


def in_words(utterance: Utterance, text: str) -> str:
    """`text`: the normalised words of the message. They come first, then what they point to, then the last talk; a cut takes the end."""
    parts = [f"{_ROLES[utterance.role]}:{_shown(text, utterance.media, TEXT_CHARS)}"]
    if utterance.quotes_assistant:
        parts.append("回复 助手")
    elif utterance.quoted:
        parts.append(f"回复 {_who(utterance.quoted, utterance)}:{_shown(utterance.quoted.text, utterance.quoted.media, QUOTED_CHARS)}")
    told, last = _told_alike(utterance, text), utterance.previous[-PREVIOUS:]
    if told:
        parts.append(f"提过 {_who(told, utterance)}:{_shown(told.text, told.media, EARLIER_CHARS)}")
    parts += [_said(earlier, utterance) for earlier in reversed(last)]
    own = next((e for e in reversed(utterance.previous) if e.sender == utterance.sender and e.kind == "report"), None)
    if own is not None and own not in (told, utterance.quoted, *last):
        parts.append(_said(own, utterance))
    return " | ".join(parts)


def _told_alike(utterance: Utterance, text: str) -> Earlier | None:
    """The report further back that shares most with these words, the latest of equals: who asks "榕树锯完没" a day later means it."""
    pairs, characters = _telling(text)
    if not characters:
        return None
    best, most = None, ALIKE - 1
    for earlier in reversed(utterance.previous[:-PREVIOUS]):
        if earlier.kind == "report" and earlier != utterance.quoted:
            their_pairs, their_characters = _telling(earlier.text)
            shared = 2 * len(pairs & their_pairs) + len(characters & their_characters)
            if shared > most:
                best, most = earlier, shared
    return best


@lru_cache(maxsize=2048)
def _telling(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Pairs of neighbouring characters that tell something, and the characters by themselves; in plain spelling."""
    plain = normalise(text).text[:TEXT_CHARS]
    told = [c if "\u4e00" <= c <= "\u9fff" and c not in _common() else " " for c in plain]
    return frozenset(a + b for a, b in pairwise(told) if a != " " and b != " "), frozenset(c for c in told if c != " ")


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    return frozenset(yaml.safe_load(COMMON_PATH.read_text(encoding="utf8"))["common"])


def _said(earlier: Earlier, utterance: Utterance) -> str:
    gap_s = (utterance.at - earlier.at).total_seconds() if utterance.at else float("inf")
    when = next(word for limit, word in _GAPS if gap_s <= limit)
    return f"{when} {_who(earlier, utterance)}:{_shown(earlier.text, earlier.media, EARLIER_CHARS)}"


def _who(earlier: Earlier, utterance: Utterance) -> str:
    if earlier.sender == utterance.sender:
        return "本人"
    return "工作人员" if earlier.role in STAFF_ROLES else "居民"


def _shown(text: str, media: str | None, most: int) -> str:
    words = " ".join(text.split())[:most]
    return f"[{_MEDIA[media]}]{words}" if media in _MEDIA else words


class Reading:
    """What the encoder says of a message in its situation; it reads at the first question, once for all."""

    def __init__(self, reader: OnnxEncoder | None, utterance: Utterance, text: str) -> None:
        self._reader, self.utterance, self._text = reader, utterance, text

    def of(self, clause: str) -> Reading:
        """The same of a clause of it."""
        return Reading(self._reader, self.utterance, clause)

    @property
    def can_alarm(self) -> bool:
        """Whether it can say of the words alone and of the situation if they alarm."""
        return self._reader is not None and {"alarm", "danger", "kind", "told"} <= self._reader.heads.keys()

    @property
    def is_read(self) -> bool:
        return "answers" in self.__dict__

    @property
    def danger(self) -> float:
        """The probability of danger where the situation was read already, else 0: nobody reads it for this alone."""
        return self.shares("danger").get("alarm", 0.0) if self.is_read else 0.0

    @property
    def can_read(self) -> bool:
        return self._reader is not None

    @cached_property
    def answers(self) -> Mapping[str, Floats]:
        """Task → logits of its labels; empty without a reader."""
        return self._reader.situation(in_words(self.utterance, self._text)) if self._reader else {}

    def shares(self, task: str) -> dict[str, float]:
        """Label → probability; empty where the encoder has no such head."""
        if self._reader is None or task not in self._reader.heads:
            return {}
        return dict(zip(self._reader.heads[task].labels, softmax(self.answers[task]).tolist(), strict=True))
