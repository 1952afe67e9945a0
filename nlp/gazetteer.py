"""A grid's own names as a searcher: estates, spots and roads by name, alias, short form, sound and typing slip."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml
from pypinyin import Style, lazy_pinyin
from rapidfuzz.distance import Hamming

from nlp.schema import Gazetteer
from nlp.segment import cut, is_word
from nlp.text import normalise

PLACE_WORDS_PATH = Path(__file__).with_name("lexicon") / "place.yaml"
NameKind = Literal["estate", "spot", "road"]
_MAX_SOUND_TEXT = 2000
"""Names are searched by sound only in messages; longer texts are documents, spelt by an editor."""
_MIN_SLIP = 5
"""One wrong character is forgiven in names this long: 锦绣苑 and 锦华苑 may be two estates, 翡翠湾小区 and 翡翠弯小区 are one."""
# syllables that voice typing and southern keyboards confuse, folded to one
_SOUND_FOLDS = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ang", "an"), ("eng", "en"), ("ing", "in"))


@lru_cache(maxsize=1)
def place_words() -> dict[str, list[str]]:
    """The lists of place.yaml, in the spelling `normalise` gives."""
    raw = yaml.safe_load(PLACE_WORDS_PATH.read_text(encoding="utf8"))
    raw.update({f"home_{field}": words for field, words in raw.pop("home_words").items()})
    return {name: [normalise(str(word)).text for word in words] for name, words in raw.items()}


@dataclass(frozen=True, slots=True)
class Named:
    """A gazetteer name found in a normalised text at `[start, end)`. `certain`: written in full or by an alias."""

    kind: NameKind
    name: str
    start: int
    end: int
    certain: bool = True


@dataclass(frozen=True, slots=True)
class _Form:
    """One way to write a name. `weak`: also a word of the language, so believed only where a place is meant; `common`: one that
    many names share (花园, 二期), which says nothing alone.
    """

    written: str
    kind: NameKind
    name: str
    weak: bool = False
    common: bool = False
    certain: bool = True


class Names:
    """The names of one gazetteer, longest first; build it once a gazetteer (`names_of` keeps them)."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        full = {form.written: form for form in reversed(list(_full_forms(gazetteer)))}
        short = {form.written: form for form in _short_forms(gazetteer) if form.written not in full}
        self._full = _Forms(full.values())
        self._short = _Forms(short.values())
        self._sounds = [(sound(form.written), form) for form in self._full.longest_first if len(form.written) >= 3]

    def find(self, text: str) -> list[Named]:
        """Names in `text` (normalised), in order; longer names win over shorter ones inside them."""
        taken: list[Named] = []
        self._find_written(self._full, text, taken)
        if self._sounds and len(text) <= _MAX_SOUND_TEXT:
            self._find_by_sound(text, taken)
        self._find_written(self._short, text, taken)
        taken += [inner for named in taken if named.kind == "spot" for inner in self._estate_inside(text, named)]
        return sorted(taken, key=lambda named: (named.start, -named.end))

    def _estate_inside(self, text: str, spot: Named) -> Iterator[Named]:
        """A spot that begins with an estate's name (桂澜公寓8楼露台) tells the estate too; the two overlap."""
        for form in (*self._full.longest_first, *self._short.longest_first):
            size = len(form.written)
            # 平山小学 stands in a town called 平山; only the end of a name (横琴国贸天悦 → 天悦) or the whole of it is the estate
            telling = form.certain or normalise(form.name).text.endswith(form.written)
            if form.kind == "estate" and telling and text.startswith(form.written, spot.start, spot.end):
                yield Named("estate", form.name, spot.start, spot.start + size, form.certain)
                return

    def _find_written(self, forms: _Forms, text: str, taken: list[Named]) -> None:
        if not forms.any.search(text):
            return
        for form in forms.longest_first:
            at = text.find(form.written)
            while at >= 0:
                end = at + len(form.written)
                if _free(taken, at, end) and (form.certain or _is_meant(form, text, at, end)):
                    taken.append(Named(form.kind, form.name, at, end, form.certain))
                at = text.find(form.written, end)

    def _find_by_sound(self, text: str, taken: list[Named]) -> None:
        heard = sound(text)
        for wanted, form in self._sounds:
            size, beyond = len(wanted), len(heard) - len(wanted) + 1
            at = heard.find(wanted[0], 0, beyond)
            while at >= 0:
                if _sounds_like(heard[at : at + size], wanted) and _free(taken, at, at + size):
                    taken.append(Named(form.kind, form.name, at, at + size, False))
                at = heard.find(wanted[0], at + 1, beyond)


class _Forms:
    """Forms longest first, and one pattern that tells quickly whether any of them is in a text."""

    def __init__(self, forms: Iterable[_Form]) -> None:
        self.longest_first = sorted(forms, key=lambda form: -len(form.written))
        self.any = re.compile("|".join(re.escape(form.written) for form in self.longest_first) or "(?!)")


def _sounds_like(window: str, wanted: str) -> bool:
    """A slip is forgiven in a long name, never in its first character, which tells 东湖花园小区 from 西湖花园小区."""
    if window == wanted:
        return True
    return len(wanted) >= _MIN_SLIP and window[-1] == wanted[-1] and Hamming.distance(window, wanted, score_cutoff=1) <= 1


def _free(taken: Iterable[Named], start: int, end: int) -> bool:
    return all(end <= named.start or start >= named.end for named in taken)


_OTHER_NAME = re.compile(r"[东西南北中]?(?:[路街](?![口边面灯牌上])|大道|[镇乡县站])")
"""豫康南站 and 滨河路 are no parts of the estates 豫康新城 and 滨河花园; 滨河路灯 may be."""


def _is_meant(form: _Form, text: str, start: int, end: int) -> bool:
    """Whether the short form at `[start, end)` stands for the estate and is not part of other words."""
    if _OTHER_NAME.match(text, end):
        return False
    if form.weak:
        return _begins_name(text, start) and _in_context(text, start, end, form.common)
    return len(form.written) > 2 or not _breaks_word(text, start, end)


def _breaks_word(text: str, start: int, end: int) -> bool:
    """千万和物业说: 万 belongs to 千万, so this is no 万和."""
    at = 0
    for word in cut(text):
        if at < start < at + len(word) < end:
            return is_word(word)
        at += len(word)
    return False


def _begins_name(text: str, start: int) -> bool:
    """机械厂宿舍 is another name than the 宿舍 of this grid: before a weak form stands no name, but a word that leads to one."""
    return not "\u4e00" <= text[start - 1 : start] <= "\u9fff" or text[start - 1] in _leading() or text.endswith(_before(), 0, start)


def _in_context(text: str, start: int, end: int, common: bool) -> bool:
    after = text[end : end + 5].lstrip()
    if after[:1].isdigit() or after.startswith(_after()) or text.endswith(_before(), 0, start):
        return True
    return not common and (after.startswith(_after_weak()) or not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()))


@lru_cache(maxsize=1)
def _after() -> tuple[str, ...]:
    return (*"一二三四五六七八九十东西南北ABCDabcd-", *place_words()["after_estate"])


@lru_cache(maxsize=1)
def _after_weak() -> tuple[str, ...]:
    return tuple(place_words()["after_weak"])


@lru_cache(maxsize=1)
def _before() -> tuple[str, ...]:
    return tuple(place_words()["before_estate"])


@lru_cache(maxsize=1)
def _leading() -> frozenset[str]:
    return frozenset((*place_words()["road_starts_after"], *place_words()["name_starts_after"]))


@lru_cache(maxsize=65536)
def _syllable(char: str) -> str:
    """One character for one (folded) sound, so that sounds can be searched as text."""
    if not "\u3400" <= char <= "\u9fff":
        return char.lower()[:1] or char
    pinyin = str(lazy_pinyin(char, style=Style.NORMAL)[0])
    for wide, narrow in _SOUND_FOLDS:
        pinyin = pinyin.replace(wide, narrow)
    return chr(0xE000 + _sound_number(pinyin))


_sound_numbers: dict[str, int] = {}


def _sound_number(pinyin: str) -> int:
    return _sound_numbers.setdefault(pinyin, len(_sound_numbers) % 6000)


def sound(text: str) -> str:
    """`text` with each Chinese character replaced by its sound; as long as `text`."""
    return "".join(map(_syllable, text))


def _full_forms(gazetteer: Gazetteer) -> Iterator[_Form]:
    estates = {estate.name for estate in gazetteer.estates}
    roads = set(gazetteer.roads)
    for estate in gazetteer.estates:
        for written in (estate.name, *estate.aliases):
            yield _Form(normalise(written).text, "estate", estate.name)
    for road in gazetteer.roads:
        yield _Form(normalise(road).text, "road", road)
    for spot in gazetteer.spots:
        yield _Form(normalise(spot).text, "spot", spot)
    for alias, name in gazetteer.aliases.items():
        kind: NameKind = "estate" if name in estates else "road" if name in roads else "spot"
        yield _Form(normalise(alias).text, kind, name)


def _short_forms(gazetteer: Gazetteer) -> Iterator[_Form]:
    """What neighbours cut a name down to (渔塘安置房 → 渔塘, 横琴国贸天悦 → 天悦), where only one estate can be meant."""
    owners: dict[str, set[str]] = {}
    for estate in gazetteer.estates:
        for short in _cuts(normalise(estate.name).text):
            owners.setdefault(short, set()).add(estate.name)
    other_names = [normalise(name).text for name in (*gazetteer.spots, *gazetteer.roads, gazetteer.name)]
    endings = place_words()["estate_endings"]
    never = set(place_words()["never_short"])
    common = set(place_words()["common_short"]) | set(endings)
    for short, names in owners.items():
        if len(names) > 1 or short in other_names or short in never or _HOUSE.fullmatch(short) or _is_part(short, endings):
            continue
        name = next(iter(names))
        is_end = normalise(name).text.endswith(short)
        elsewhere = any(short in other and not (is_end and other.startswith(short)) for other in other_names)
        is_common = short in common or short[1:] in common  # 厂宿舍 says as little as 宿舍
        weak = is_common or (len(short) == 2 and (elsewhere or is_word(short)))
        yield _Form(short, "estate", name, weak=weak, common=is_common, certain=False)


def _is_part(short: str, endings: Iterable[str]) -> bool:
    """租房 is the end of the ending 公租房 and no name."""
    return short not in endings and any(ending.endswith(short) for ending in endings)


_HOUSE = re.compile(r"[0-9一二三四五六七八九十]+号")
"""The end of 滨江1号 is what every house 1 is called."""


def _cuts(name: str) -> Iterator[str]:
    """Beginnings and ends of a name, and the ends of what is left without its ending: 远洋万和城 → 远洋, 远洋万和, 万和城, 万和."""
    endings = place_words()["estate_endings"]
    for base in (name, *(name[: -len(ending)] for ending in endings if name.endswith(ending) and len(name) - len(ending) >= 2)):
        for size in range(2, len(base) + (base != name)):
            yield base[-size:]
    if len(name) >= 4:
        for size in range(2, len(name)):
            yield name[:size]
    yield from _compounds(name)


def _compounds(name: str) -> Iterator[str]:
    """A works' compound by the works' short name: 矿务局三井家属院 → 三井院, 水产公司宿舍 → 水产宿舍."""
    ending = next((e for e in place_words()["compound_endings"] if name.endswith(e)), None)
    if ending is None:
        return
    works = name[: -len(ending)]
    bare = next((works[: -len(word)] for word in place_words()["works"] if works.endswith(word)), works)
    for core in dict.fromkeys((works, bare, works[-2:], bare[-2:])):
        if len(core) >= 2 and not core.endswith(tuple(place_words()["works"])):
            yield from (core + short for short in ("院", "宿舍") if core + short != name and not is_word(core + short))


_cache: dict[tuple[object, ...], Names] = {}
_CACHE_SIZE = 20_000
"""A city has 13,000–16,000 grids."""


def names_of(gazetteer: Gazetteer) -> Names:
    """The searcher of a gazetteer, kept for the next message of the same grid."""
    key = (gazetteer.name, gazetteer.estates, gazetteer.spots, gazetteer.roads, tuple(sorted(gazetteer.aliases.items())))
    found = _cache.get(key)
    if found is None:
        if len(_cache) >= _CACHE_SIZE:
            _cache.clear()
        found = _cache[key] = Names(gazetteer)
    return found
