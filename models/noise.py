"""How people mistype: the same words in other signs, seeded, for tests and the bench."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import lru_cache

from opencc import OpenCC
from pypinyin import lazy_pinyin

COMMON = (
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经"
    "十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形"
    "相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直题党程展"
    "五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角期根论运农指几九区强放决西被干做必战"
    "先回则任取据处队南给色光门即保治北造百规热领七海口东导器压志世金增争济阶油思术极交受联什认六共权收证改清己美再采转更单风切打白"
    "教速花带安场身车例真务具万每目至达走积示议声报斗完类八离华名确才科张信马节话米整空元况今集温传土许步群广石记需段研界拉林律叫且"
    "究观越织装影算低持音众书布复容儿须际商非验连断深难近矿千周委素技备半办青省列习响约支般史感劳便团往酸历市克何除消构府称太准精值"
    "号率族维划选标写存候毛亲快效斯院查江型眼王按格养易置派层片始却专状育厂京识适属圆包火住调满县局照参红细引听该铁价严"
)


@lru_cache(maxsize=1)
def _same_sound() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for char, sound in zip(COMMON, lazy_pinyin(COMMON), strict=True):
        found[sound] = found.get(sound, "") + char
    return found


def homophones(text: str, rng: random.Random, share: float = 0.12) -> str:
    """Some characters replaced by a common one of the same sound, as an input method offers it."""
    said = [(char, lazy_pinyin(char)[0]) for char in text]
    return "".join(_other(char, sound, rng) if rng.random() < share else char for char, sound in said)


def _other(char: str, sound: str, rng: random.Random) -> str:
    choices = [other for other in _same_sound().get(sound, "") if other != char]
    return rng.choice(choices) if choices else char


def traditional(text: str, _: random.Random) -> str:
    return str(_to_traditional().convert(text))


@lru_cache(maxsize=1)
def _to_traditional() -> OpenCC:
    return OpenCC("s2t")


def unpunctuated(text: str, _: random.Random) -> str:
    """As voice input writes it."""
    return "".join(" " if char in "，。！？、；：,.!?;:~" else char for char in text).strip()


def invisible(text: str, rng: random.Random) -> str:
    """Zero-width characters between others, as some copied texts carry them."""
    return "".join(char + ("\u200b" if rng.random() < 0.2 else "") for char in text)


def full_width(text: str, _: random.Random) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


def emotional(text: str, rng: random.Random) -> str:
    return text + rng.choice(("😡😡", "[流泪][流泪]", "！！！！！", "啊啊啊", "🙏🙏🙏"))


def hesitant(text: str, rng: random.Random) -> str:
    """Fillers of speech at a few of its joints."""
    return rng.choice(("那个 ", "就是说啊", "嗯 ", "喂 ")) + text.replace("，", rng.choice(("，就是，", "，那个，", "，然后呢，")), 1)


NOISES: Mapping[str, Callable[[str, random.Random], str]] = {
    "traditional characters": traditional,
    "full width": full_width,
    "zero-width characters": invisible,
    "no punctuation": unpunctuated,
    "emotion": emotional,
    "fillers": hesitant,
    "homophones, 12 %": homophones,
}
EXACT = ("traditional characters", "full width", "zero-width characters")
"""Folded away before anything is read: the same understanding, whatever the words."""
