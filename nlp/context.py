"""A message with its situation as one line (who says it, what it quotes, the report it may mean, what was said before), and what is read in it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from itertools import pairwise

from nlp.encoder import OnnxEncoder
from nlp.linear import Floats, softmax
from nlp.schema import STAFF_ROLES, Earlier, Utterance

PREVIOUS = 3
QUOTED_CHARS, EARLIER_CHARS, TEXT_CHARS = 30, 22, 90
# Characters that every other message holds: sharing them says nothing about sharing a trouble.
_COMMON = frozenset("的了我你他她它们是不有没在这那就也都还个吗呢吧啊哦嘛么怎什谁哪几到和说讲看要去来会能好又再上下里大小人家天今明昨一二三两多少点分给把被让请问")
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
    """`text`: the normalised words of the message, which come first so that a cut takes the oldest talk away."""
    parts = [f"{_ROLES[utterance.role]}:{_shown(text, utterance.media, TEXT_CHARS)}"]
    if utterance.quotes_assistant:
        parts.append("回复 助手")
    elif utterance.quoted:
        parts.append(f"回复 {_who(utterance.quoted, utterance)}:{_shown(utterance.quoted.text, utterance.quoted.media, QUOTED_CHARS)}")
    last = utterance.previous[-PREVIOUS:]
    if told := _told_alike(utterance, text):
        parts.append(f"提过 {_who(told, utterance)}:{_shown(told.text, told.media, EARLIER_CHARS)}")
    parts += [_said(earlier, utterance) for earlier in reversed(last)]
    own = next((e for e in reversed(utterance.previous) if e.sender == utterance.sender and e.kind == "report"), None)
    if own is not None and own is not told and own not in last:
        parts.append(_said(own, utterance))
    return " | ".join(parts)


def _told_alike(utterance: Utterance, text: str) -> Earlier | None:
    """The report further back that shares most with these words, the latest of equals: who asks "榕树锯完没" a day later means it.
    One pair of telling characters that stand together is enough, or two such characters."""
    pairs, characters = _telling(text)
    best, most = None, 1
    for earlier in reversed(utterance.previous[:-PREVIOUS]):
        if earlier.kind == "report" and earlier != utterance.quoted and characters:
            theirs = _telling(earlier.text)
            shared = 2 * len(pairs & theirs[0]) + len(characters & theirs[1])
            if shared > most:
                best, most = earlier, shared
    return best


@lru_cache(maxsize=2048)
def _telling(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Pairs of neighbouring characters that tell something, and the characters by themselves."""
    told = [c if "\u4e00" <= c <= "\u9fff" and c not in _COMMON else " " for c in text[:TEXT_CHARS]]
    return frozenset(a + b for a, b in pairwise(told) if a != " " and b != " "), frozenset(c for c in told if c != " ")


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
        return self._reader is not None and {"alarm", "danger", "told"} <= self._reader.heads.keys()

    @property
    def is_read(self) -> bool:
        return "answers" in self.__dict__

    @property
    def danger(self) -> float:
        """The probability of danger where the situation was read already, else 0: nobody reads it for this alone."""
        return self.shares("danger").get("alarm", 0.0) if self.is_read else 0.0

    @property
    def in_talk(self) -> bool:
        """Whether anything was said before: of words alone the encoder has mostly read small talk."""
        return bool(self.utterance.previous or self.utterance.quoted)

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
