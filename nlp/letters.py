"""Letters beside each other: which pairs are worth a look, and what speaks for a pair being one matter."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from nlp.encoder import Encoder
from nlp.entities import districts_in, kinship, names_in, numbered_in, same_name, without_districts, years_in
from nlp.meaning import unit
from nlp.schema import RankedCategory
from nlp.segment import cut
from nlp.tallies import counts, products, surprise, tally, tally_words, tfidf
from nlp.text import normalise
from nlp.topic_rules import TopicRules

Array = NDArray[Any]
Ranker = Callable[[str], RankedCategory]
OPENING, BODY = 300, 1500
"""Code points of the detail that tell the matter, and that are read at all: the rest repeats or lists attachments."""
MEANT = 60
"""Code points of the detail whose meaning is read beside the title's: 7 ms a letter; 90 tell no more, 120 take twice as long."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter to the authority. `at` is None where its time cannot be read."""

    id: str
    user: str
    title: str
    at: datetime | None = None
    detail: str = ""
    likes: int = 0
    against: int = 0


def _plain(text: str) -> str:
    return re.sub(r"\s+", "", text.lower())


class Shelf:
    """Letters with everything a comparison needs, worked out once."""

    def __init__(self, letters: Sequence[Letter], rules: TopicRules, ranker: Ranker | None = None, encoder: Encoder | None = None) -> None:
        """`ranker` and `encoder` tell more of each letter: its category, and its meaning beside the other letters'."""
        self.letters, self.rules = letters, rules
        self.titles = [_plain(x.title) for x in letters]
        self.bodies = [_plain(x.detail)[:BODY] for x in letters]
        self.bare = [without_districts(t) for t in self.titles]
        self.tables = self._tables()
        self.whole = [f"{t}#{b}" for t, b in zip(self.titles, self.bodies, strict=True)]
        self.title_names = [names_in(t, rules) for t in self.titles]
        self.names = [t | names_in(b[:150], rules) for t, b in zip(self.title_names, self.bodies, strict=True)]
        self.name_spread = Counter(name for s in self.names for name in s)
        self.districts = [districts_in(t) for t in self.titles]
        self.wide_districts = [districts_in(t + b[:200]) for t, b in zip(self.titles, self.bodies, strict=True)]
        self.years = [years_in(t) for t in self.titles]
        self.numbered = [numbered_in(t) for t in self.titles]
        self.ranks = [dict(ranker(f"{x.title}，{x.detail[:100]}").top) for x in letters] if ranker else None
        self.vectors = _meaning(letters, encoder) if encoder else None

    def _tables(self) -> dict[str, sparse.csr_matrix]:
        titles, bodies, dull = self.titles, self.bodies, self.rules.no_name_words
        openings = [f"{t}#{t}#{b[:OPENING]}" for t, b in zip(titles, bodies, strict=True)]
        near = tally([f"{t}#{b[:200]}" for t, b in zip(titles, bodies, strict=True)], (2, 3, 4))
        codes, spread = near.spread()
        words = [[w for w in cut(t) * 2 + cut(b[:600]) if len(w) > 1 and w not in dull] for t, b in zip(titles, bodies, strict=True)]
        ones = tally(titles, (1,))
        return {
            "all": tfidf(tally(openings, (2, 3))),
            "title": tfidf(tally(titles, (1, 2, 3)), 1),
            "opening": tfidf(tally([b[:120] for b in bodies], (2, 3))),
            "body": tfidf(tally(bodies, (2, 3))),
            "words": tfidf(tally_words(words)),
            "rare": tfidf(near.only(codes[(spread >= 2) & (spread <= 25)]), 1, once=True),
            "title_rare": tfidf(tally(titles, (2, 3, 4)).only(codes[(spread >= 2) & (spread <= 40)]), 1, once=True),
            "common": tfidf(tally(openings, (2,)).only(codes[spread > 25])),
            "title_common": tfidf(tally(titles, (1, 2)).only(np.concatenate([codes[spread > 25], np.unique(ones.codes)])), 1),
        }

    def _title_cover(self) -> tuple[sparse.csr_matrix, sparse.csr_matrix, Array]:
        """What is rare in each title, weighed by how much it tells; what stands anywhere in each letter; the sum of the first."""
        whole, bare = tally(self.whole, (2, 3)), tally(self.bare, (2, 3))
        codes, spread = whole.spread()
        rare = codes[spread <= 30]
        told = surprise(len(self.letters), spread[spread <= 30])
        mine, anywhere = counts(bare, rare), counts(whole, rare)
        mine.data[:], anywhere.data[:] = 1, 1
        weighed = sparse.csr_matrix(mine @ sparse.diags(told)) if len(rare) else mine
        return weighed, anywhere, np.asarray(weighed.sum(axis=1)).ravel()

    def candidates(self) -> tuple[Array, Array]:
        """Row numbers (i < j) of the pairs worth a look, in order."""
        limits, found = self.rules.limits, set()
        for table, least in (("all", limits.least_alike), ("rare", limits.least_alike_names)):
            alike = (self.tables[table] @ self.tables[table].T).tocoo()
            keep = (alike.row < alike.col) & (alike.data >= least)
            found |= set(zip(alike.row[keep].tolist(), alike.col[keep].tolist(), strict=True))
        ordered = np.array(sorted(found), dtype=np.int64).reshape(-1, 2)
        return ordered[:, 0], ordered[:, 1]

    def evidence(self, i: Array, j: Array) -> dict[str, Array]:
        """Named columns of numbers [pairs]; "category…" and "domain…" only with a ranker, "meaning" only with an encoder."""
        x: dict[str, Array] = {name: products(table[i], table[j]) for name, table in self.tables.items()}
        rare, anywhere, sums = self._title_cover()
        here, there = (np.where(sums[a] > 0, products(rare[a], anywhere[b]) / np.maximum(sums[a], 1e-9), 0.5) for a, b in ((i, j), (j, i)))
        x |= {"covered_least": np.minimum(here, there), "covered_most": np.maximum(here, there)}
        if self.vectors is not None:
            x["meaning"] = np.einsum("ij,ij->i", self.vectors[i], self.vectors[j])
        rows = [self._pair(a, b) for a, b in zip(i.tolist(), j.tolist(), strict=True)]
        for name in rows[0] if rows else ():
            x[name] = np.array([row[name] for row in rows])
        if rows:
            x |= self._together(x)
        return x

    def _pair(self, a: int, b: int) -> dict[str, float]:
        one, two = self.letters[a], self.letters[b]
        days = abs((one.at - two.at).total_seconds()) / 86400 if one.at and two.at else 90.0
        row = {
            "days": math.log1p(days),
            "close": math.exp(-days / 7),
            "same_user": float(one.user == two.user),
            "same_district": float(bool(self.districts[a] & self.districts[b])),
            "other_district": _apart(self.wide_districts[a], self.wide_districts[b]),
            "other_year": _apart(self.years[a], self.years[b]),
            "other_number": _apart(self.numbered[a], self.numbered[b]),
            "same_number": float(bool(self.numbered[a] & self.numbered[b])),
            "length": math.log(min(len(self.bodies[a]), len(self.bodies[b])) + 5) / 5,
        }
        return row | self._names(a, b) | self._categories(a, b)

    def _names(self, a: int, b: int) -> dict[str, float]:
        titles, others = self.title_names[a], self.title_names[b]
        kin, either_named = kinship(titles, others), bool(titles) and bool(others)
        mentioned = any(n in self.whole[b] for n in titles) or any(n in self.whole[a] for n in others)
        shared = self.names[a] & self.names[b]
        return {
            "name_shared": float(same_name(self.names[a], self.names[b])),
            "title_name_shared": float(same_name(titles, others)),
            "name_rare": max((math.log(len(self.letters) / self.name_spread[n]) for n in shared), default=0.0) / 8,
            "title_kin": max(kin, 0.0),
            "title_nameless": float(kin < 0),
            "other_name": float(0 <= kin < 0.4 and not mentioned),
            "name_missing": float(either_named and not mentioned),
        }

    def _categories(self, a: int, b: int) -> dict[str, float]:
        if self.ranks is None:
            return {}
        one, two = self.ranks[a], self.ranks[b]
        here, there = _domains(one), _domains(two)
        row = {"category": sum(math.sqrt(p * two.get(c, 0.0)) for c, p in one.items())}
        return row | {f"domain_{d}": math.sqrt(here.get(d, 0.0) * there.get(d, 0.0)) for d in DOMAINS}

    def _together(self, x: dict[str, Array]) -> dict[str, Array]:
        """Products: the same words speak differently where the places agree and where they do not."""
        joint = {
            "title_rare×common": x["title_rare"] * x["title_common"],
            "rare×common": x["rare"] * x["common"],
            "all×close": x["all"] * x["close"],
            "words×title": x["words"] * x["title"],
            "rare∧common": np.minimum(x["rare"], x["common"]),
            "user×close": x["same_user"] * x["close"],
            "covered×words": x["covered_least"] * x["words"],
            "covered×common": x["covered_least"] * x["title_common"],
            "other_name×words": x["other_name"] * x["words"],
            "other_name×rare": x["other_name"] * x["rare"],
            "other_name×title": x["other_name"] * x["title"],
            "other_year×words": x["other_year"] * x["words"],
        }
        if self.ranks is not None:
            joint |= {
                "category×rare": x["category"] * x["rare"],
                "category×covered": x["category"] * x["covered_least"],
                "category×name": x["category"] * x["name_rare"],
            }
        return joint


DOMAINS = ("facility", "housing", "environment", "traffic", "safety", "order", "dispute", "service", "care", "civic")


def _meaning(letters: Sequence[Letter], encoder: Encoder) -> Array:
    """float32 [letters, d], each of length 1, after what all letters share is taken away."""
    told = [f"{normalise(x.title).text} {normalise(x.detail).text[:MEANT]}" for x in letters]
    vectors = encoder.encode(told)
    return unit(vectors - vectors.mean(0))


def _apart(some: frozenset[str], others: frozenset[str]) -> float:
    return float(bool(some) and bool(others) and not some & others)


def _domains(ranked: dict[str, float]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for category, p in ranked.items():
        domain = category.split(".")[0]
        shares[domain] = shares.get(domain, 0.0) + p
    return shares
