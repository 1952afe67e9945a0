"""The gate: report, supplement, follow-up, question, reply, notice or chat, from the words and what was said before."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml

from nlp.grams import Description
from nlp.kind_signs import kind_signs
from nlp.linear import Floats, LinearModel, softmax
from nlp.schema import KINDS, STAFF_ROLES, Earlier, Kind, RankedCategory, Utterance
from nlp.text import normalise

RULES_PATH = Path(__file__).with_name("gate.yaml")
_GAPS_S = (20, 60, 180, 600, 3600, 6 * 3600, 24 * 3600)
_LENGTHS = (3, 6, 10, 16, 25, 40, 80)
_BURST_S = 180
_UNMET = -6.0
_SURE, _FOREIGN = 0.5, 0.1
OF_RESIDENTS: tuple[Kind, ...] = ("report", "supplement", "follow_up", "question", "chat")
_REPORT, _SUPPLEMENT = KINDS.index("report"), KINDS.index("supplement")
_WORDLESS = re.compile(r"[\W_]*")
_BRACKETED = re.compile(r"\[[^\[\]]{1,8}\]")
_MENTION = re.compile(r"@\S+")


def kind_scores(
    utterance: Utterance, model: LinearModel | None, text: str | None = None, ranked: RankedCategory | None = None
) -> dict[Kind, float]:
    """Probabilities over KINDS that sum to 1. `text`: the normalised text where the caller has it already; `ranked`: what the
    category model says of the words alone.

    Rules decide what is plain to see (a photo without words, a list of joiners); the model the rest; without a model
    the hints of gate.yaml, and then nobody should rely on it.
    """
    text = normalise(utterance.text).text if text is None else text
    if sure := plain_to_see(utterance, text):
        return _mostly(sure, 0.97)
    if model is None:
        return _mostly(_hinted(utterance, text), 0.6)
    found = judged(utterance, text, model, ranked)
    return _allowed(dict(zip(KINDS, found.tolist(), strict=True)), utterance)


def judged(utterance: Utterance, text: str, model: LinearModel, ranked: RankedCategory | None) -> Floats:
    """[KINDS] probabilities: the words' and, where the model brings trees, those of the trees, which know the words' answer."""
    logits = by_kind(model.labels, model.logits(describe(utterance, text)))
    if model.trees is None:
        return softmax(np.asarray(logits / model.temperature, np.float32))
    config = model.config["trees"]
    signs = kind_signs(utterance, text, ranked)
    grown = model.trees.logits(np.concatenate([logits, np.array(list(signs.values()), np.float32)]))
    share = np.float32(config["share"])
    mixed: Floats = share * _log(grown) + (1 - share) * _log(logits / np.float32(model.temperature))
    found = softmax(mixed / np.float32(config["temperature"]))
    if _is_another_matter(signs):
        found[_REPORT] += found[_SUPPLEMENT]
        found[_SUPPLEMENT] = 0.0
    return found


def _is_another_matter(signs: Mapping[str, float]) -> bool:
    """Another house and surely another trouble than the sender's last report: no detail of that one. Two training authors
    write no such pair, so the model cannot know."""
    return signs["house:own"] == -1 and signs["category:own"] < _FOREIGN and signs["category:best"] > _SURE


def reconsider(
    scores: Mapping[Kind, float],
    answers: Mapping[str, Floats],
    model: LinearModel,
    utterance: Utterance,
    text: str,
    ranked: RankedCategory | None,
) -> dict[Kind, float]:
    """The scores of words and signs joined with what the encoder answered on reading the message in its situation.

    `answers`: logits by task, [KINDS] of "kind" among them. The model's `reader` config has the encoder's `share` of the joint logarithms
    and its `temperature`; trees that were taught by messages which neither had read, where the model brings them, have theirs of what
    comes of it.
    """
    weights = model.config["reader"]
    mixed = with_reading(scores, answers["kind"], weights) if utterance.in_talk else _log_of(scores)
    if model.doubts is not None:
        grown = model.doubts.logits(doubt_signs(scores, answers, utterance, text, ranked))
        mixed = _mixed(_log(mixed), _log(by_kind(OF_RESIDENTS, grown)), weights["trees"]["share"])
    return _allowed(dict(zip(KINDS, softmax(mixed).tolist(), strict=True)), utterance)


def with_reading(scores: Mapping[Kind, float], answer: Floats, weights: Mapping[str, float]) -> Floats:
    """[KINDS] joint logarithms of what words and signs gave and of what the encoder answered ([KINDS] logits)."""
    return _mixed(_log_of(scores), _log(np.asarray(answer / weights["temperature"], np.float32)), weights["share"])


def doubt_signs(
    scores: Mapping[Kind, float], answers: Mapping[str, Floats], utterance: Utterance, text: str, ranked: RankedCategory | None
) -> Floats:
    """What the trees look at that judge a resident's message in doubt: what words and signs gave it, what the encoder answered (kinds,
    danger, how sure it is of a matter), and the signs themselves; float32, NaN for what is unknown."""
    danger, told = (answers.get(task) for task in ("danger", "told"))
    read = [
        float(danger[1] - danger[0]) if danger is not None else np.nan,
        float(_log(told).max()) if told is not None else np.nan,
    ]
    signs = kind_signs(utterance, text, ranked).values()
    return np.array([*_log_of(scores), *_log(answers["kind"]), *read, *signs], np.float32)


def _log_of(scores: Mapping[Kind, float]) -> Floats:
    return np.asarray(np.log(np.array([scores[kind] for kind in KINDS], np.float32) + np.float32(1e-6)), np.float32)


def _mixed(one: Floats, other: Floats, share: float) -> Floats:
    """Logarithms of two judgements joined, `share` being that of the other."""
    return np.asarray((1 - np.float32(share)) * one + np.float32(share) * other, np.float32)


def by_kind(labels: Sequence[str], logits: Floats) -> Floats:
    """[labels] → [KINDS]; a kind the model never met gets next to nothing."""
    known = dict(zip(labels, logits.tolist(), strict=True))
    return np.array([known.get(kind, _UNMET) for kind in KINDS], np.float32)


def _log(logits: Floats) -> Floats:
    return np.asarray(np.log(softmax(logits) + 1e-9), np.float32)


def choose_kind(scores: Mapping[Kind, float], thresholds: Mapping[str, float]) -> Kind:
    """The kind whose score is highest above its threshold; a threshold moves a kind's score, 0 leaves it as it is."""
    return max(KINDS, key=lambda kind: scores.get(kind, 0.0) - thresholds.get(kind, 0.0))


def describe(utterance: Utterance, text: str) -> Description:
    """What the kind model looks at: the words, the quoted words, the sender's last words, and flags of the situation."""
    own = next((e for e in reversed(utterance.previous) if e.sender == utterance.sender), None)
    quoted = utterance.quoted
    texts = {"text": text, "quoted": quoted.text if quoted else "", "own": ""}
    if own and _gap_s(utterance, own) <= _BURST_S:
        texts["own"] = own.text
    return Description(texts, tuple(_flags(utterance, text, own)))


def _flags(utterance: Utterance, text: str, own: Earlier | None) -> list[str]:
    staff = utterance.role in STAFF_ROLES
    side = "staff" if staff else "resident"
    flags = [f"role={utterance.role}", f"side={side}", f"media={utterance.media}", f"{side}:length={_bucket(len(text), _LENGTHS)}"]
    flags += [f"has={sign}" for sign in ("?", "!", "@", "\n", "http") if sign in text]
    flags += _quote_flags(utterance)
    flags += _before_flags(utterance, own, side)
    if own:
        gap = _bucket(_gap_s(utterance, own), _GAPS_S)
        flags += [f"own:{own.kind}", f"own:{own.kind}:gap={gap}", f"own:gap={gap}", f"own:media={own.media}"]
    else:
        flags.append(f"{side}:first")
    return flags


def _quote_flags(utterance: Utterance) -> list[str]:
    quoted = utterance.quoted
    if utterance.quotes_assistant:
        return ["quote", "quote:assistant"]
    if quoted is None:
        return []
    own = "own" if quoted.sender == utterance.sender else "staff" if quoted.role in STAFF_ROLES else "other"
    return ["quote", f"quote:{quoted.kind}", f"quote:from={own}", f"quote:{quoted.kind}:from={own}"]


def _before_flags(utterance: Utterance, own: Earlier | None, side: str) -> list[str]:
    flags = []
    told = [e for e in utterance.previous if e.kind == "report"]
    flags.append(f"{side}:told={bool(told)}")
    flags.append(f"told:own={any(e.sender == utterance.sender for e in told)}")
    if told:
        flags.append(f"told:gap={_bucket(_gap_s(utterance, told[-1]), _GAPS_S)}")
    if utterance.previous:
        last = utterance.previous[-1]
        who = "own" if last is own else "staff" if last.role in STAFF_ROLES else "other"
        gap = _bucket(_gap_s(utterance, last), _GAPS_S)
        flags += [f"last:{last.kind}", f"last:{who}", f"last:{who}:{last.kind}", f"last:{who}:{last.kind}:{side}:near={gap <= 2}"]
        flags += [f"last2:{'-'.join(str(e.kind) for e in utterance.previous[-2:])}"]
    flags.append(f"open={min(utterance.open_matters, 3)}")
    return flags


def _gap_s(utterance: Utterance, earlier: Earlier) -> float:
    return (utterance.at - earlier.at).total_seconds() if utterance.at else 1e9


def _bucket(value: float, edges: tuple[int, ...]) -> int:
    return sum(value > edge for edge in edges)


@lru_cache(maxsize=1)
def _rules() -> dict[str, dict[str, re.Pattern[str]]]:
    raw = yaml.safe_load(RULES_PATH.read_text(encoding="utf8"))
    return {part: {name: re.compile(words) for name, words in rows.items()} for part, rows in raw.items()}


def wordless(text: str) -> bool:
    """Nothing but emoji, signs, mentions and [stickers]."""
    return _WORDLESS.fullmatch(_MENTION.sub("", _BRACKETED.sub("", text))) is not None


def plain_to_see(utterance: Utterance, text: str) -> Kind | None:
    """The kind of a message that needs no model: a photo without words, nothing but emoji, a list of joiners, a bare link."""
    staff = utterance.role in STAFF_ROLES
    if not text.strip() and utterance.media:
        if utterance.media == "sticker":
            return "chat"
        return "reply" if staff and utterance.quoted else "supplement"
    if wordless(text) and "?" not in text:
        return "chat"
    sure = _rules()["sure"]
    return "chat" if any(rule.search(text) for rule in sure.values()) else None


def _hinted(utterance: Utterance, text: str) -> Kind:
    hints = _rules()["hints"]
    if utterance.role in STAFF_ROLES:
        return "notice" if hints["notice"].search(text) and len(text) > 20 else "reply"
    told = any(e.kind == "report" for e in utterance.previous)
    order: tuple[tuple[str, Kind], ...] = (
        ("advert", "chat"), ("thanks", "chat"), ("question", "question"), ("follow_up", "follow_up"), ("broken", "report"),
    )  # fmt: skip
    for hint, kind in order:
        if hints[hint].search(text):
            return "report" if kind == "follow_up" and not told else kind
    return "chat"


def _mostly(kind: Kind, score: float) -> dict[Kind, float]:
    rest = (1 - score) / (len(KINDS) - 1)
    return {k: score if k == kind else rest for k in KINDS}


def _allowed(scores: dict[Kind, float], utterance: Utterance) -> dict[Kind, float]:
    """Only staff reply and announce: what the model gives a resident there goes to chat. What staff say to all is no report."""
    if utterance.role in STAFF_ROLES:
        if any(rule.search(utterance.text) for rule in _rules()["staff"].values()):
            scores["notice"] += scores["report"]
            scores["report"] = 0.0
    else:
        scores["chat"] += scores["reply"] + scores["notice"]
        scores["reply"] = scores["notice"] = 0.0
    total = float(np.sum(list(scores.values()))) or 1.0
    return {kind: score / total for kind, score in scores.items()}
