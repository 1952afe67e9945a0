"""How much of the understanding survives the ways people mistype."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from models.bench.language import DEV, understander
from models.bench.sections import Bench, Row, section
from models.corpora import transcripts
from models.utterances import spoken


@section("noise")
def noise(bench: Bench) -> Iterator[Row]:
    """Residents' reports that were understood: are they still reports, and of the same best matter, when mistyped?"""
    from models.noise import NOISES

    mind = understander(bench.shipped)
    heard = [s.utterance for t in transcripts(bench.need_data(), "dev") for s in spoken(t) if s.kind == "report" and s.utterance.text]
    clean = [(u, mind.understand(u)) for u in heard]
    told = [(u, found) for u, found in clean if found.kind == "report"]
    for name, spoil in NOISES.items():
        rng = random.Random(5)
        again = [mind.understand(replace(u, text=spoil(u.text, rng))) for u, _ in told]
        yield Row.share(f"still a report, {name}", sum(a.kind == "report" for a in again), len(told), DEV)
        same = sum(a.category.best == f.category.best for a, (_, f) in zip(again, told, strict=True))
        yield Row.share(f"same matter, {name}", same, len(told), DEV)
