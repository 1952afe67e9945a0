"""One message in, everything the assistant believes about it out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml

from nlp.alarm import Alarms, AlarmSigns
from nlp.classify import Told, in_context, rank
from nlp.context import Reading
from nlp.emergency import emergency_cues
from nlp.encoder import Encoder, EncoderError, OnnxEncoder, load_encoder
from nlp.gate import choose_kind, kind_scores, reconsider
from nlp.linear import Floats, LinearModel, ModelError
from nlp.place import find_places
from nlp.privacy import mask
from nlp.remembered import RememberedVectors
from nlp.sayings import Sayings
from nlp.schema import STAFF_ROLES, Emergency, Gazetteer, Kind, Place, RankedCategory, Understanding, Utterance
from nlp.segment import warm as warm_dictionaries
from nlp.taxonomy import Taxonomy, load_taxonomy
from nlp.text import CLAUSES, normalise

RULES_PATH = Path(__file__).with_name("pipeline.yaml")
MAX_TEXT = 4000
"""Longer messages are understood by their first 4,000 code points; masking reads all of it."""
MIN_CLAUSE = 6
MIN_TOLD, MAX_CLAUSES = 3, 12
"""A clause of less tells nothing; nobody asks after more matters in one message."""
ALSO_MIN = 0.5
LED_SHARE = 0.6
"""Of the ranking that an alarm's matter is given where the words themselves rank it lower."""
_TOLD: frozenset[Kind] = frozenset({"report", "question", "supplement", "follow_up"})


@dataclass(frozen=True, slots=True)
class Shipped:
    """The linear models of a folder. `faults` says in words why one is missing; the rules then do its work."""

    category: LinearModel | None = None
    kind: LinearModel | None = None
    encoder: Encoder | None = None
    faults: tuple[str, ...] = ()

    @property
    def reader(self) -> OnnxEncoder | None:
        """The encoder, where it was tuned to read kinds in their situation and the kind model knows what its word weighs."""
        told = self.kind.config.get("reader") if self.kind else None
        if not told or not isinstance(self.encoder, OnnxEncoder) or "kind" not in self.encoder.heads:
            return None
        return self.encoder if told["encoder"] == self.encoder.name else None

    @property
    def version(self) -> str:
        names = [m.version for m in (self.category, self.kind) if m]
        return "+".join(names) if len(names) == 2 else "+".join([*names, "rules"])


def newest(models_dir: Path, task: str) -> Path | None:
    """The folder of the highest version: category_v2 before category_v1."""
    found = [(int(f.name.removeprefix(f"{task}_v")), f) for f in models_dir.glob(f"{task}_v*") if f.name.split("_v")[-1].isdigit()]
    return max(found)[1] if found else None


def load_shipped(models_dir: Path, threads: int = 1) -> Shipped:
    """Whatever can be used of a folder of models; never raises for a model that is missing or damaged.

    The category model brings a head for one encoder; without that encoder its words decide alone.
    """
    loaded: dict[str, LinearModel] = {}
    faults = []
    for task in ("category", "kind"):
        folder = newest(models_dir, task)
        try:
            loaded[task] = LinearModel.load(folder if folder else models_dir / f"{task}_v1")
        except ModelError as error:
            faults.append(str(error))
    category, encoder = loaded.get("category"), None
    if category and "head" in category.config and (folder := newest(models_dir, "encoder")):
        try:
            encoder = load_encoder(folder, threads)
        except EncoderError as error:
            faults.append(str(error))
    if category and encoder and not category.has_head_for(encoder.name):
        faults.append(f"{category.version} was not trained with the encoder {encoder.name}; words decide alone")
        encoder = None
    return Shipped(category, loaded.get("kind"), encoder, tuple(faults))


def load_understander(models_dir: Path, taxonomy: Taxonomy | None = None, threads: int = 1) -> Understander:
    """The understander over a folder of shipped models; with none of them it works by rules (`faults` says why)."""
    return Understander(taxonomy or load_taxonomy(), load_shipped(models_dir, threads))


class Understander:
    """Pure: the same utterance gives the same understanding. Immutable; safe to share between threads."""

    def __init__(self, taxonomy: Taxonomy, models: Shipped | None = None) -> None:
        self.taxonomy = taxonomy
        self.models = models or Shipped()

    @cached_property
    def _sayings(self) -> Sayings | None:
        """Only where the catalogue has a matter that the model never met."""
        model, encoder = self.models.category, self.models.encoder
        if model is None or encoder is None or all(m.id in model.labels for m in self.taxonomy.matters if m.replaced_by is None):
            return None
        return Sayings(self.taxonomy, encoder)

    @cached_property
    def remembered(self) -> RememberedVectors | None:
        """Compares a message with the words of matters by the encoder; None without one."""
        return RememberedVectors(lambda text: self._encode(normalise(text[:MAX_TEXT]).text)) if self.models.encoder else None

    @cached_property
    def _encode(self) -> Callable[[str], Floats]:
        """Normalised text → its vector. The last few are kept: what was just understood is compared with the group's matters next."""
        encoder = self.models.encoder
        assert encoder is not None  # noqa: S101  # the caller looked
        return lru_cache(maxsize=64)(lambda text: encoder.encode([text])[0])

    @cached_property
    def _alarms(self) -> Alarms:
        models = self.models
        judged = models.category is not None and models.kind is not None
        return Alarms(self.taxonomy, models.encoder, self._vector, self._ranked_in, is_judged=judged)

    @property
    def faults(self) -> tuple[str, ...]:
        """Why the rules stand in for a model; empty when all is well."""
        return self.models.faults

    def understand(self, utterance: Utterance, gazetteer: Gazetteer | None = None) -> Understanding:
        """Never raises for any text. Offsets and masks are of the original text.

        About 2 ms for small talk; 5 ms more for the encoder where a matter is told, or where small talk may be more.
        """
        gazetteer = gazetteer or Gazetteer()
        text = normalise(utterance.text[:MAX_TEXT]).text
        masked = mask(utterance.text, gazetteer.official_phones)
        words = rank(text, self.models.category, self.taxonomy) if self.models.category else None
        reading = Reading(self.models.reader, utterance, text)
        scores = self._kinds(utterance, text, words, reading)
        kind = choose_kind(scores, self._kind_thresholds())
        cues = emergency_cues(text, role=utterance.role)
        closer = kind in _TOLD or self._alarms.suspects(cues, words, reading)
        vector = self._vector(text) if closer else None
        alone = self._ranked(text, vector) if closer else RankedCategory()
        emergency = self._alarms.find(text, cues, scores, alone, reading) if closer else None
        if emergency and kind in ("chat", "question") and utterance.role not in STAFF_ROLES:
            kind = "report"
        told = kind in _TOLD or emergency is not None
        category = self._in_situation(text, vector, alone, reading, kind) if told else RankedCategory()
        if emergency:
            category = _led_by(category, emergency)
        places = self.places(utterance.text, gazetteer, utterance.home) if kind in _TOLD else ()
        return Understanding(
            kind=kind,
            kind_scores={str(k): score for k, score in scores.items()},
            category=category,
            masked=masked,
            place=places[0] if places else Place(),
            places=places,
            emergency=emergency,
            delicate=self._is_delicate(text, category) if kind in _TOLD else False,
            injection=injected(text),
            also=self._also(text, category) if kind == "report" else (),
            certain=self.models.category is not None and self.models.kind is not None,
            model_version=self.models.version,
        )

    def read_closer(self, u: Understanding, utterance: Utterance, gazetteer: Gazetteer | None = None) -> Understanding:
        """The same with category, place, further matters and delicacy, which `understand` spares small talk and answers of staff."""
        places = u.places or self.places(utterance.text, gazetteer, utterance.home)
        text = normalise(utterance.text[:MAX_TEXT]).text
        category = u.category
        if not category.top:
            vector, reading = self._vector(text), Reading(self.models.reader, utterance, text)
            category = self._in_situation(text, vector, self._ranked(text, vector), reading, "report")
        also = u.also if u.kind == "report" else self._also(text, category)
        place, delicate = places[0] if places else Place(), self._is_delicate(text, category)
        return replace(u, category=category, places=places, place=place, delicate=delicate, also=also)

    def by_clause(
        self, text: str, gazetteer: Gazetteer | None = None, home: Place | None = None
    ) -> list[tuple[str, RankedCategory, Place]]:
        """Each clause of a message with its ranking (by its words alone) and its place."""
        found: list[tuple[str, RankedCategory, Place]] = []
        for clause in CLAUSES.split(text[:MAX_TEXT]):
            if len(found) == MAX_CLAUSES:
                break
            read = normalise(clause).text
            if len(read.strip()) >= MIN_TOLD and self.models.category:
                places = self.places(clause, gazetteer, home)
                found.append((clause.strip(), rank(read, self.models.category, self.taxonomy), places[0] if places else Place()))
        return found

    def warm(self) -> None:
        """Loads the dictionaries that are read on first use (1-2 s), so that no resident waits for them."""
        warm_dictionaries()
        self.understand(Utterance(self.taxonomy.matters[0].name))

    def category(self, text: str) -> RankedCategory:
        """Ranks a text alone (as in a CSV), original or normalised."""
        read = normalise(text[:MAX_TEXT]).text
        return self._ranked(read, self._vector(read))

    def _vector(self, text: str) -> Floats | None:
        return self._encode(text) if self.models.encoder and text.strip() else None

    def _ranked(self, text: str, vector: Floats | None, told: Told | None = None) -> RankedCategory:
        near = self._sayings.shares(vector) if vector is not None and self._sayings else None
        return rank(text, self.models.category, self.taxonomy, vector, near, told)

    def _ranked_in(self, text: str, reading: Reading | None) -> RankedCategory:
        """The ranking of a text, joined with what its reading tells where one is given."""
        return self._ranked(text, self._vector(text), self._told(reading) if reading else None)

    def _in_situation(self, text: str, vector: Floats | None, alone: RankedCategory, reading: Reading, kind: Kind) -> RankedCategory:
        """The text's ranking (`alone`) with what was said before it: "我家也是" tells nothing by itself. The situation is read for it
        where the text is unclear; for a supplement, whose matter is known, only where it was read anyway."""
        unclear = alone.confidence < _rules().situation["unclear"]
        told = self._told(reading) if unclear and (reading.is_read or kind != "supplement") else None
        return in_context(self._ranked(text, vector, told) if told else alone, reading.utterance, _rules().context)

    @staticmethod
    def _told(reading: Reading) -> Told | None:
        shares, weights = reading.shares("told"), _rules().situation
        return Told(shares, weights["share"], weights["temperature"]) if shares else None

    def places(self, text: str, gazetteer: Gazetteer | None = None, home: Place | None = None) -> tuple[Place, ...]:
        """Every place a text names, the text's own personal data masked out of the wording."""
        gazetteer = gazetteer or Gazetteer()
        found = find_places(text[:MAX_TEXT], gazetteer, home)
        return tuple(replace(p, text=mask(p.text, gazetteer.official_phones).text) for p in found)

    def alarm_signs(self, utterance: Utterance) -> AlarmSigns | None:
        """What speaks for an emergency, to learn weights from; None for a message without words or without an encoder to read it."""
        text = normalise(utterance.text[:MAX_TEXT]).text
        reading = Reading(self.models.reader, utterance, text)
        if not reading.can_alarm or not text.strip():
            return None
        return self._alarms.signs(emergency_cues(text, role=utterance.role), self._ranked(text, self._vector(text)), reading)

    def _kinds(self, utterance: Utterance, text: str, words: RankedCategory | None, reading: Reading) -> dict[Kind, float]:
        """Words and signs first; where they are in doubt of a resident, the encoder reads the message in its situation. (Of
        staff on their rounds it knows too little: authors let them answer, hardly ever report.)"""
        model = self.models.kind
        scores = kind_scores(utterance, model, text, words)
        if not reading.can_read or model is None or utterance.role in STAFF_ROLES or not (utterance.in_talk or model.doubts):
            return scores
        if max(scores.values()) >= model.config["reader"]["sure"]:
            return scores
        return reconsider(scores, reading.answers, model, utterance, text, words)

    def _kind_thresholds(self) -> dict[str, float]:
        return dict(self.models.kind.config.get("thresholds", {})) if self.models.kind else {}

    def _is_delicate(self, text: str, category: RankedCategory) -> bool:
        rules = _rules()
        sure_of_matter = category.best in rules.delicate and category.confidence >= 0.5
        return sure_of_matter or rules.delicate_words.search(text) is not None

    def _also(self, text: str, first: RankedCategory) -> tuple[tuple[RankedCategory, str], ...]:
        """Further matters told in clauses of their own; a clause counts when neither ranking would take the other's best."""
        clauses = [c.strip() for c in _rules().clauses.split(text)]
        clauses = [c for c in clauses if len(c) >= MIN_CLAUSE]
        if len(clauses) < 2 or self.models.category is None:
            return ()
        taken, found = {first.best}, []
        ranked = [(rank(clause, self.models.category, self.taxonomy), clause) for clause in clauses]
        if not any(r.best == first.best for r, _ in ranked):
            return ()
        for candidate, clause in ranked:
            likely = {m for m, p in candidate.top[:3] if p >= 0.15}
            if candidate.confidence >= ALSO_MIN and not likely & taken:
                taken.add(candidate.best)
                found.append((candidate, clause))
        return tuple(found[:3])


@dataclass(frozen=True, slots=True)
class _Rules:
    delicate: frozenset[str]
    delicate_words: re.Pattern[str]
    injection: re.Pattern[str]
    clauses: re.Pattern[str]
    context: dict[str, float]
    situation: dict[str, float]


@lru_cache(maxsize=1)
def _rules() -> _Rules:
    raw: dict[str, Any] = yaml.safe_load(RULES_PATH.read_text(encoding="utf8"))
    return _Rules(
        frozenset(raw["delicate"]["matters"]),
        re.compile(raw["delicate"]["words"]),
        re.compile(raw["injection"], re.IGNORECASE),
        re.compile(raw["clauses"]),
        *({name: float(value) for name, value in raw[part].items()} for part in ("context", "situation")),
    )


def injected(text: str) -> bool:
    """Whether a text tries to give orders to a machine."""
    return _rules().injection.search(text) is not None


def _led_by(category: RankedCategory, emergency: Emergency) -> RankedCategory:
    """The alarm's matter first, unless the model already ranks an equal alarm there; nobody waits for a threshold."""
    if category.best == emergency.matter:
        return replace(category, accepted=True)
    rest = tuple((m, p) for m, p in category.top if m != emergency.matter)
    share = max(LED_SHARE, dict(category.top).get(emergency.matter, 0.0))
    left = sum(p for _, p in rest) or 1.0
    return RankedCategory(((emergency.matter, share), *((m, p * (1 - share) / left) for m, p in rest[:4])), accepted=True)
