"""How fast a message is understood on this machine, with and without the encoder, and what a process of it holds in memory."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from models.bench.language import understander
from models.bench.sections import Bench, Row, section
from models.corpora import transcripts
from models.utterances import spoken
from nlp.pipeline import Shipped, Understander
from nlp.schema import Utterance

CORES = 2

# Written for this project: what is measured where the data folder is missing.
SAMPLE = (
    "3栋2单元电梯又停了",
    "早上好各位邻居",
    "请问居住证去哪里办",
    "谢谢师傅",
    "楼道灯三天不亮了还没人来看",
    "[图片]",
    "物业电话多少",
    "哈哈哈",
)


@section("speed of understanding")
def speed(bench: Bench) -> Iterator[Row]:
    whole = understander(bench.shipped)
    words = Understander(whole.taxonomy, Shipped(whole.models.category, whole.models.kind))
    utterances, data = [Utterance(t) for t in SAMPLE] * 50, "eight sample messages"
    if bench.data:
        utterances = [s.utterance for t in transcripts(bench.data, "dev") for s in spoken(t)][:1200]
        data = "transcripts/dev, in order"
    for name, mind in (("with the encoder", whole), ("words alone", words)):
        seconds = _seconds(mind, utterances)
        yield Row(f"messages a second, one core, {name}", len(seconds) / sum(seconds), len(seconds), data=data)
        for share in (50, 95, 99):
            yield Row(f"p{share}, ms, {name}", float(np.percentile(seconds, share)) * 1000, len(seconds), data=data)
    with ProcessPoolExecutor(CORES, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(_process, [bench.shipped] * CORES, [utterances[i::CORES] for i in range(CORES)]))
    yield Row(f"messages a second, {CORES} processes", len(utterances) / max(spent for spent, _ in found), len(utterances), data=data)
    yield Row("MB of such a process at its height", max(held for _, held in found), data=data)


def _seconds(mind: Understander, utterances: Sequence[Utterance]) -> list[float]:
    mind.warm()
    found = []
    for utterance in utterances:
        start = time.perf_counter()
        mind.understand(utterance)
        found.append(time.perf_counter() - start)
    return found


def _process(shipped: Path, utterances: Sequence[Utterance]) -> tuple[float, float]:
    """Seconds that the messages took, and the process's largest size in MB."""
    spent = sum(_seconds(understander(shipped), utterances))
    return spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
