"""Figures of understanding: kinds, matters, letters, alarms, places, small talk."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from models.answering import answer_letter, encoder_beside, figures_of
from models.bench.replays import UNREAD
from models.bench.sections import Bench, NotRunError, Row, section
from models.composed.reading import single_messages
from models.corpora import Labelled, is_training_talk, labelled_real, letters, small_talk, transcript_reports, transcripts
from models.utterances import spoken
from nlp.linear import LinearModel
from nlp.pipeline import Understander, load_understander, newest
from nlp.schema import KINDS, STAFF_ROLES, Estate, Gazetteer, Kind, Utterance

DEV = "transcripts/dev"
PLACE_FIELDS = ("estate", "building", "unit", "room")


@lru_cache(maxsize=1)
def understander(shipped: Path) -> Understander:
    loaded = load_understander(shipped, threads=2)
    if loaded.faults:
        raise NotRunError("; ".join(loaded.faults))
    loaded.warm()
    return loaded


def heard_kinds(bench: Bench) -> list[tuple[Kind, Kind]]:
    """(true, answered) with the whole understanding, its own answers as context."""
    pairs: list[tuple[Kind, Kind]] = []
    for transcript in transcripts(bench.need_data(), "dev"):
        heard: dict[str, Kind] = {}
        for s in spoken(transcript, heard):
            heard[s.message] = understander(bench.shipped).understand(s.utterance).kind
            pairs.append((s.kind, heard[s.message]))
    return pairs


@section("kinds")
def kinds(bench: Bench) -> Iterator[Row]:
    pairs = heard_kinds(bench)
    each = []
    for kind in KINDS:
        both = sum(t == a == kind for t, a in pairs)
        true, answered = sum(t == kind for t, _ in pairs), sum(a == kind for _, a in pairs)
        each.append(2 * both / ((true + answered) or 1))
        yield Row(f"F1 {kind}", each[-1], true, data=DEV)
    yield Row("macro-F1", sum(each) / len(each), len(pairs), data=DEV)
    yield Row.share("accuracy", sum(t == a for t, a in pairs), len(pairs), DEV)


@section("matters")
def matters(bench: Bench) -> Iterator[Row]:
    reports = [r for r in transcript_reports(bench.need_data(), "dev") if r.kind == "report"]
    yield from _matter_rows(reports, understander(bench.shipped), f"{DEV}, reports, text alone")
    yield from _in_conversation(bench)


@section("matters, cross-validated")
def matters_cross_validated(bench: Bench) -> Iterator[Row]:
    """Real messages are in training too: folds by letter (source_id). Takes two minutes."""
    from models.calibrate import calibration_error, coverage

    unseen, answers, _ = _unseen_real(bench)
    for mode, share, right in answers:
        data = f"labels/dev.csv, folds by source_id, {mode}"
        best, sure = share.argmax(axis=1), share.max(axis=1)
        hit = right[range(len(share)), best]
        top3 = (-share).argsort(axis=1)[:, :3]
        domains = [label.split(".")[0] for label in unseen.labels]
        same = [any(domains[b] == domains[j] for j in r.nonzero()[0]) for b, r in zip(best, right, strict=True)]
        yield Row.share("top-1, second counts", int(hit.sum()), len(hit), data)
        yield Row.share("top-3", sum(bool(r[t].any()) for r, t in zip(right, top3, strict=True)), len(hit), data)
        yield Row.share("domain", sum(same), len(hit), data)
        yield Row("coverage at 95 %", coverage(sure, hit), len(hit), data=data)
        yield Row("calibration error", calibration_error(sure, hit), len(hit), data=data)


@section("matters, worst confusions")
def confusions(bench: Bench) -> Iterator[Row]:
    """The twenty most frequent mistakes of the cross-validation, and the ten of the kinds."""
    unseen, answers, gold = _unseen_real(bench)
    mode, share, right = answers[-1]
    wrong = Counter((label, unseen.labels[best]) for label, best, r in zip(gold, share.argmax(axis=1), right, strict=True) if not r[best])
    for (label, answered), n in wrong.most_common(20):
        yield Row(f"{label} taken for {answered}", n, gold.count(label), data=f"labels/dev.csv, folds by source_id, {mode}")
    kinds = Counter((t, a) for t, a in heard_kinds(bench) if t != a)
    for (true, taken), n in kinds.most_common(10):
        yield Row(f"{true} taken for {taken}", n, data=DEV)


@lru_cache(maxsize=1)
def _unseen_real(bench: Bench) -> tuple[Any, list[tuple[str, Any, Any]], list[str]]:
    """Out-of-fold answers to the real messages (category.Unseen, the answers by mode, the labels). Raises NotRunError."""
    try:
        from models import category
    except ModuleNotFoundError as error:
        raise NotRunError(f"{error.name} is not installed; pip install minhu[train]") from error
    mind, said = understander(bench.shipped), set(labelled_real(bench.need_data()))
    train = category.training_set(bench.need_data(), mind.taxonomy, mind.models.encoder)
    real = {i for i, r in enumerate(train.rows) if r in said}
    unseen = category.out_of_fold(train, mind.models.encoder)
    return unseen, category.unseen_answers(train, unseen, real), [train.rows[i].category for i in unseen.index if i in real]


def _matter_rows(rows: Sequence[Labelled], mind: Understander, data: str) -> Iterator[Row]:
    found = [(r, mind.category(r.text)) for r in rows]
    good = [{r.category, r.second} - {""} for r, _ in found]
    n = len(found)
    accepted = [f.best in g for (_, f), g in zip(found, good, strict=True) if f.accepted]
    yield Row.share("top-1", sum(f.best in g for (_, f), g in zip(found, good, strict=True)), n, data)
    yield Row.share("top-3", sum(bool(g & {m for m, _ in f.top[:3]}) for (_, f), g in zip(found, good, strict=True)), n, data)
    domains = [{x.split(".")[0] for x in g} for g in good]
    yield Row.share("domain", sum(f.domain in d for (_, f), d in zip(found, domains, strict=True)), n, data)
    yield Row.share("passes without a person", len(accepted), n, data)
    yield Row.share("of those right", sum(accepted), len(accepted), data)


def _in_conversation(bench: Bench) -> Iterator[Row]:
    """Reports with what was told before, as the product hears them: earlier matters are the understanding's own."""
    mind, right, top3, n = understander(bench.shipped), 0, 0, 0
    for transcript in transcripts(bench.need_data(), "dev"):
        gold = {m["id"]: m["gold"].get("category") for m in transcript["messages"]}
        heard: dict[str, Kind] = {}
        believed: dict[str, str | None] = {}
        for s in spoken(transcript, heard, believed):
            found = mind.understand(s.utterance)
            heard[s.message], believed[s.message] = found.kind, found.category.best
            if s.kind == "report" and gold[s.message]:
                n += 1
                ranking = found.category if found.category.top else mind.category(s.utterance.text)
                right += ranking.best == gold[s.message]
                top3 += gold[s.message] in {m for m, _ in ranking.top[:3]}
    yield Row.share("top-1", right, n, f"{DEV}, reports, in conversation")
    yield Row.share("top-3", top3, n, f"{DEV}, reports, in conversation")


@section("letters")
def seven_categories(bench: Bench) -> Iterator[Row]:
    folder = newest(bench.shipped, "letters")
    if folder is None:
        raise NotRunError("models/shipped holds no letters model; run: minhu models ship --task letters")
    model, rows = LinearModel.load(folder), letters(bench.need_data(), "dev")
    encoder = encoder_beside(model, threads=2, shipped=bench.shipped)
    for what, with_detail in (("title + detail", True), ("title only", False)):
        answers = [answer_letter(model, x.title, x.detail if with_detail else "", encoder)[0] for x in rows]
        figures = figures_of([x.label for x in rows], answers)
        yield Row(f"macro-F1, {what}", figures["macro_f1"], len(rows), data="letters/dev.csv")
        yield Row.share(f"accuracy, {what}", round(figures["accuracy"] * len(rows)), len(rows), "letters/dev.csv")


@section("emergencies")
def emergencies(bench: Bench) -> Iterator[Row]:
    """A matter is heard when one of its messages alarms; a false alarm is an alarm on a message of no such matter."""
    mind = understander(bench.shipped)
    for name in ("dev", "train_a", "train_b"):
        burning = heard = alarms = messages = 0
        for transcript in transcripts(bench.need_data(), name):
            matter_of = {m["id"]: _matters_of(m["gold"]) for m in transcript["messages"]}
            alarmed: set[str] = set()
            wanted = {m["id"] for m in transcript["matters"] if m["emergency"]}
            for s in spoken(transcript):
                messages += 1
                if mind.understand(s.utterance).emergency:
                    alarmed |= matter_of[s.message]
                    alarms += not matter_of[s.message] & wanted
            burning += len(wanted)
            heard += len(wanted & alarmed)
        yield Row.share("recall of matters", heard, burning, f"transcripts/{name}")
        yield Row("false alarms a 1,000 messages", 1000 * alarms / max(messages, 1), messages, data=f"transcripts/{name}")
    real = labelled_real(bench.need_data())
    urgent = [r for r in real if r.emergency]
    found = sum(mind.understand(Utterance(r.text)).emergency is not None for r in urgent)
    yield Row.share("recall of single messages", found, len(urgent), "labels/dev.csv")


@section("emergencies, called out once")
def called_out(bench: Bench) -> Iterator[Row]:
    """Single messages by two hands that no model has read: what one person calls out and nobody takes up must be heard, too."""
    for name in ("alarms.tsv", "alarms2.tsv"):
        called = single_messages(UNREAD, name)
        yield from _called_out(called, [Utterance(m.text) for m in called], f"{name}, alone", bench)
        yield from _called_out(called, _lent([m.text for m in called], bench), f"{name}, in a group", bench)


def _called_out(called: Sequence[Labelled], said: Sequence[Utterance], where: str, bench: Bench) -> Iterator[Row]:
    mind = understander(bench.shipped)
    alarmed = [m.emergency for m, u in zip(called, said, strict=True) if mind.understand(u).emergency]
    burning, data = sum(m.emergency for m in called), f"models/composed/unread/{where}"
    yield Row.share("recall", sum(alarmed), burning, data)
    yield Row.share("calm ones that alarm", len(alarmed) - sum(alarmed), len(called) - burning, data)


def _lent(texts: Sequence[str], bench: Bench) -> list[Utterance]:
    """Each text as if it were said at some moment of a conversation of dev, by somebody who was silent before."""
    lender, moments = random.Random(3), _moments(bench.need_data())
    return [replace(lender.choice(moments), text=text, media=None, quoted=None, sender="lent") for text in texts]


@lru_cache(maxsize=1)
def _moments(data: Path) -> list[Utterance]:
    return [s.utterance for t in transcripts(data, "dev") for s in spoken(t) if s.utterance.role not in STAFF_ROLES]


def _matters_of(gold: dict[str, object]) -> set[str]:
    also = gold.get("also") or []
    told = {str(a["matter"]) for a in also} if isinstance(also, list) else set()
    return told | ({str(gold["matter"])} if gold.get("matter") else set())


@section("places")
def places(bench: Bench) -> Iterator[Row]:
    """Fields of a matter's place that some message of it states, found in the messages' places taken together."""
    from nlp.home import home_from_name
    from nlp.place import merge_places
    from nlp.schema import Place

    mind = understander(bench.shipped)
    stated, found = dict.fromkeys(PLACE_FIELDS, 0), dict.fromkeys(PLACE_FIELDS, 0)
    for transcript in transcripts(bench.need_data(), "dev"):
        grid = transcript["grid"]
        gazetteer = Gazetteer(grid["code"], grid["name"], tuple(Estate(e) for e in grid["estates"]), tuple(grid.get("places", ())))
        homes = {m["id"]: home_from_name(m["name"], gazetteer) for m in transcript["members"]}
        said = {m["id"]: m for m in transcript["messages"]}
        for matter in transcript["matters"]:
            place = Place()
            for message_id in matter["messages"]:
                message = said[message_id]
                for one in mind.places(message["text"], gazetteer, homes[message["from"]])[:1]:
                    place = merge_places(place, one)
            for field in PLACE_FIELDS:
                if wanted := (matter.get("place") or {}).get(field):
                    stated[field] += 1
                    found[field] += str(getattr(place, field) or "").upper() == str(wanted).upper()
    for field in PLACE_FIELDS:
        yield Row.share(f"{field} where stated", found[field], stated[field], f"{DEV}, all messages of a matter")


@section("small talk")
def talk(bench: Bench) -> Iterator[Row]:
    """Text messages and dialogues taken for reports, alone and in the middle of a conversation."""
    mind, drawn = understander(bench.shipped), random.Random(3)
    everything = list(small_talk(bench.need_data()))
    for source in ("sms", "weibo"):
        # half of the text messages were trained on; only the other half counts
        rows = [t for s, t in everything if s == source and not (s == "sms" and is_training_talk(t))]
        rows = drawn.sample(rows, min(1500, len(rows)))
        alone = sum(mind.understand(Utterance(t)).kind == "report" for t in rows)
        yield Row.share("taken for reports, alone", alone, len(rows), f"chat/{source}, unseen")
        taken = sum(mind.understand(u).kind == "report" for u in _lent(rows, bench))
        yield Row.share("taken for reports, in a group", taken, len(rows), f"chat/{source}")
    composed, where = single_messages(UNREAD, "lines.tsv"), "models/composed/unread/lines.tsv, alone"
    told = [(m.kind == "report", mind.understand(Utterance(m.text)).kind == "report") for m in composed]
    yield Row.share("taken for reports", sum(heard and not meant for meant, heard in told), sum(not meant for meant, _ in told), where)
    yield Row.share("reports heard", sum(heard and meant for meant, heard in told), sum(meant for meant, _ in told), where)
