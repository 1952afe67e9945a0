"""What must not leave the group: phones, certificates, cards, plates, accounts, names and homes, replaced by placeholders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from nlp.housemarks import house_bits
from nlp.names import find_names
from nlp.schema import Masked, PersonalDatum, PersonalKind, Span
from nlp.text import Normalised, fold

PRIVACY_PATH = Path(__file__).with_name("lexicon") / "privacy.yaml"
_MAX_ROUNDS = 40
"""A placeholder can be the cue for the name beside it; masking is repeated until nothing is left to find. Ordinary texts need two or
three rounds; the bound keeps a text made to need one for every word from holding the process."""
_CHINESE_DIGITS = str.maketrans("零〇一二三四五六七八九幺两", "0012345678912")
_PLACEHOLDER = re.compile(r"〔[\u4e00-\u9fff]{1,6}〕")


@dataclass(frozen=True, slots=True)
class _Find:
    kind: PersonalKind
    start: int
    end: int


@lru_cache(maxsize=1)
def privacy_words() -> dict[str, Any]:
    words: dict[str, Any] = yaml.safe_load(PRIVACY_PATH.read_text(encoding="utf8"))
    return words


def mask(text: str, official: Iterable[str] = ()) -> Masked:
    """`text` with every piece of personal data replaced (〔手机号〕 …); `found` points at the original `text`.

    `official`: phone numbers of the community that may be read by all; emergency and hotline numbers, 400 and 800 numbers
    always stay. Masking a masked text changes nothing. Names are masked when a cue or other personal data stands with them.
    """
    allowed = frozenset(re.sub(r"\D", "", number) for number in official)
    found: list[PersonalDatum] = []
    current, back = text, list(range(len(text) + 1))
    for _ in range(_MAX_ROUNDS):
        finds = _find_all(fold(current), allowed)
        if not finds:
            break
        current, back = _replace(current, back, finds, found)
    return Masked(current, tuple(sorted(found, key=lambda datum: datum.span.start)))


def _replace(text: str, back: list[int], finds: list[_Find], found: list[PersonalDatum]) -> tuple[str, list[int]]:
    """`back[i]` is the place in the original of position `i`; a placeholder stands where its datum began."""
    placeholders = privacy_words()["placeholders"]
    pieces: list[str] = []
    positions: list[int] = []
    last = 0
    for find in finds:
        placeholder = placeholders[find.kind]
        pieces += [text[last : find.start], placeholder]
        positions += back[last : find.start] + [back[find.start]] * len(placeholder)
        found.append(PersonalDatum(find.kind, Span(back[find.start], back[find.end]), placeholder))
        last = find.end
    return "".join([*pieces, text[last:]]), positions + back[last:]


def _find_all(read: Normalised, allowed: frozenset[str]) -> list[_Find]:
    """Finds in positions of `read.original`, in order, without overlap; earlier rules win."""
    taken = bytearray(len(read.text) + 1)
    finds: list[_Find] = []

    def keep(kind: PersonalKind, start: int, end: int) -> None:
        if end > start and not any(taken[start:end]):
            taken[start:end] = b"\1" * (end - start)
            span = read.span(start, end)
            finds.append(_Find(kind, span.start, span.end))

    anchors = []
    for held in _PLACEHOLDER.finditer(read.text):
        taken[held.start() : held.end()] = b"\1" * (held.end() - held.start())
        if held[0] not in ("〔车牌〕", "〔住址〕"):
            anchors.append((held.start(), held.end()))
    for rule in _RULES:
        for kind, start, end in rule(read.text, allowed):
            keep(kind, start, end)
            if kind != "plate":
                anchors.append((start, end))
    names = [(start, end) for start, end in find_names(read.text, anchors) if not any(taken[start:end])]
    for start, end in names:
        keep("name", start, end)
    names += [(h.start(), h.end()) for h in _PLACEHOLDER.finditer(read.text) if h[0] == "〔姓名〕"]
    for start, end in _homes_of(read.text, names):
        keep("home", start, end)
    return sorted(finds, key=lambda find: find.start)


_Rule = Callable[[str, frozenset[str]], Iterator[tuple[PersonalKind, int, int]]]
_EMAIL = re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}")
_ID_18 = re.compile(r"(?<![0-9])([0-9]{6})((?:19|20)[0-9]{2})(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx](?:[0-9]{2})?(?![0-9])")
_ID_15 = re.compile(r"(?<![0-9])[1-8][0-9]{5}[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}(?![0-9])")
_LONG_NUMBER = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]?[0-9]{8,20}[Xx]?(?![0-9A-Za-z])")
_CARD = re.compile(r"(?<![0-9])[0-9]{4}(?:[ -]?[0-9]{4}){2,3}[ -]?[0-9]{1,7}(?![0-9])")
_DIGIT_RUN = re.compile(r"(?<![0-9A-Za-z])(?:\+?86[- ]?)?[01][0-9]{1,3}(?:[- ]?[0-9*]{2,8}){1,4}(?![0-9A-Za-z])")
_MOBILE = re.compile(r"(?:86)?1[3-9][0-9]{9}|1[3-9][0-9]\*{4}[0-9]{4}")
_LANDLINE = re.compile(r"0[1-9][0-9]{1,2}[2-9][0-9]{6,7}")
_SHORT_LANDLINE = re.compile(r"(?<![0-9A-Za-z-])[2-8][0-9]{2,3}[- ]?[0-9]{4}(?![0-9A-Za-z-])")
_BRACKETED = re.compile(r"\(0[1-9][0-9]{1,2}\)[ -]?[2-9][0-9]{6,7}(?![0-9])")
_SPOKEN = re.compile(r"[零〇一二三四五六七八九幺两]{11}(?![零〇一二三四五六七八九幺两十百])")
_CUE_REACH = 8


def _cued(text: str, start: int, words: Iterable[str]) -> bool:
    before = text[max(0, start - _CUE_REACH) : start].lower()
    return any(word.lower() in before for word in words)


def _emails(text: str, _: frozenset[str]) -> Iterator[tuple[PersonalKind, int, int]]:
    for match in _EMAIL.finditer(text):
        yield "email", match.start(), match.end()


def _id_numbers(text: str, _: frozenset[str]) -> Iterator[tuple[PersonalKind, int, int]]:
    words = privacy_words()
    for match in _ID_18.finditer(text):
        known_province = match[0][:2] in words["province_codes"]
        if has_valid_checksum(match[0][:18]) or (known_province and not _cued(text, match.start(), words["order_cues"])):
            yield "id_number", match.start(), match.end()
    for match in _ID_15.finditer(text):
        if _cued(text, match.start(), words["id_cues"]):
            yield "id_number", match.start(), match.end()
    for match in _LONG_NUMBER.finditer(text):
        if _cued(text, match.start(), words["id_cues"]) and not _MOBILE.fullmatch(match[0]):
            yield "id_number", match.start(), match.end()


def has_valid_checksum(number: str) -> bool:
    """The last character of an 18-digit identity number by GB 11643 (ISO 7064 MOD 11-2)."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    if len(number) != 18 or not number[:17].isdigit():
        return False
    return "10X98765432"[sum(w * int(d) for w, d in zip(weights, number, strict=False)) % 11] == number[17].upper()


def has_valid_luhn(number: str) -> bool:
    digits = [int(d) for d in reversed(number)]
    doubled = (d * 2 - 9 if d > 4 else d * 2 for d in digits[1::2])
    return len(digits) >= 12 and (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _bank_cards(text: str, _: frozenset[str]) -> Iterator[tuple[PersonalKind, int, int]]:
    words = privacy_words()
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if _cued(text, match.start(), words["order_cues"]) or not 12 <= len(digits) <= 19:
            continue
        issued = digits[:2] in ("62", "60", "34", "35", "37") or digits[0] in "45" or digits[:2] == "88"
        if _cued(text, match.start(), words["card_cues"]) or (len(digits) >= 15 and issued and has_valid_luhn(digits)):
            yield "bank_card", match.start(), match.end()


def _phones(text: str, allowed: frozenset[str]) -> Iterator[tuple[PersonalKind, int, int]]:
    words = privacy_words()
    for match in _DIGIT_RUN.finditer(text):
        yield from _phone_in(match, allowed)
    for match in _SHORT_LANDLINE.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        told = _cued(text, match.start(), words["phone_cues"]) and not _cued(text, match.start(), words["order_cues"])
        if told and len(digits) >= 7 and digits not in allowed and digits[:3] not in ("400", "800"):
            yield "phone", match.start(), match.end()
    for match in _BRACKETED.finditer(text):
        if re.sub(r"\D", "", match[0]) not in allowed:
            yield "phone", match.start(), match.end()
    for match in _SPOKEN.finditer(text):
        digits = match[0].translate(_CHINESE_DIGITS)
        if _MOBILE.fullmatch(digits) and digits not in allowed:
            yield "phone", match.start(), match.end()


def _phone_in(match: re.Match[str], allowed: frozenset[str]) -> Iterator[tuple[PersonalKind, int, int]]:
    """The longest start of a run of digits and separators that is one phone: "138-1234-5678", "155 0089 3312"."""
    run = match[0]
    for end in range(len(run), 6, -1):
        if end < len(run) and (run[end].isdigit() or run[end] == "*"):
            continue
        digits = re.sub(r"[^0-9*]", "", run[:end])
        if (_MOBILE.fullmatch(digits) or _LANDLINE.fullmatch(digits)) and digits not in allowed:
            if digits.removeprefix("86") not in allowed and digits not in privacy_words()["public_numbers"]:
                yield "phone", match.start(), match.start() + len(run[:end].rstrip(" -"))
            return


@lru_cache(maxsize=1)
def _plate_pattern() -> re.Pattern[str]:
    separator = r"[ ·•.\-]?"
    return re.compile(
        rf"[{privacy_words()['provinces']}]\s?[A-Za-z]{separator}[A-Za-z]?{separator}(?=[A-Za-z0-9]*[0-9])[A-Za-z0-9]{{4,6}}[挂学警港澳]?(?![A-Za-z0-9])"
    )


_PLATE_AFTER_CUE = re.compile(r"[:号是为 ]{0,3}[\u4e00-\u9fff]?[A-Za-z][ ·•.\-]?(?=[A-Za-z0-9]*[0-9])[A-Za-z0-9]{4,6}(?![A-Za-z0-9])")


def _plates(text: str, _: frozenset[str]) -> Iterator[tuple[PersonalKind, int, int]]:
    end = -1
    for match in _plate_pattern().finditer(text):
        start, glued = match.start(), end  # plates may follow each other without a gap
        if start and start != glued and text[start - 1].isascii() and text[start - 1].isalnum():
            continue
        end = match.end()
        if 6 <= sum(c.isalnum() for c in match[0].rstrip("挂学警港澳")) <= 8:
            yield "plate", match.start(), match.end()
    for cue in privacy_words()["plate_cues"]:
        at = text.find(cue)
        while at >= 0:
            if plate := _PLATE_AFTER_CUE.match(text, at + len(cue)):
                skipped = len(plate[0]) - len(plate[0].lstrip(":号是为 "))
                yield "plate", plate.start() + skipped, plate.end()
            at = text.find(cue, at + len(cue))


@lru_cache(maxsize=1)
def _account_pattern() -> re.Pattern[str]:
    words = sorted(privacy_words()["wechat_words"], key=lambda word: -len(word))
    return re.compile(
        rf"(?i:{'|'.join(map(re.escape, words))})(?:号|id|ID)?[:： 是为]{{0,3}}(?P<id>[A-Za-z0-9][A-Za-z0-9_-]{{4,19}})(?![A-Za-z0-9_-])"
    )


def _accounts(text: str, allowed: frozenset[str]) -> Iterator[tuple[PersonalKind, int, int]]:
    for match in _account_pattern().finditer(text):
        account = match["id"]
        if account not in allowed and (any(c.isdigit() for c in account) or len(account) >= 6):
            yield "wechat", match.start("id"), match.end("id")


_RULES: tuple[_Rule, ...] = (_emails, _id_numbers, _plates, _bank_cards, _phones, _accounts)
_HOME_REACH = 30


def _homes_of(text: str, names: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """House numbers down to the room that stand by a person's name."""
    if not names:
        return
    near = bytearray(len(text))
    for start, end in names:
        low, high = max(0, start - _HOME_REACH), min(len(text), end + _HOME_REACH)
        near[low:high] = b"\1" * (high - low)
    bits = house_bits(text)
    for at, bit in enumerate(bits):
        if bit.field != "room" or not any(near[bit.start : bit.end]):
            continue
        start = bit.start
        for before in map(bits.__getitem__, range(at - 1, -1, -1)):
            if before.field in ("room", "spot") or start - before.end > 1:
                break
            start = before.start
        yield start, bit.end
