"""Texts to vectors: the shipped small encoder, or any sentence-transformers model named by a setting."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Purpose = Literal["query", "passage"]

BATCH = 32
SITUATION = 72
"""Pieces of a message with its situation: what is said first counts, the oldest talk is cut away."""
_SLOWER = ("SkipLayerNormFusion",)
"""onnxruntime's joined Add and LayerNormalization are slower on a CPU than the two: 1.28 against 1.65 ms a text of the training talks."""


class EncoderError(RuntimeError):
    """The encoder cannot be used; the message says what is wrong with its folder and how to mend it."""


class Encoder(Protocol):
    """`name` changes whenever the vectors would: an index made under another name must be rebuilt."""

    @property
    def name(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    def encode(self, texts: Sequence[str], purpose: Purpose = "query") -> Floats:
        """[n] texts → [n, dimensions] float32, each row of length 1, in the texts' order. `passage` is for documents."""
        ...


Output = Literal["vectors", "first"]


@dataclass(frozen=True, slots=True)
class Head:
    """What a tuned encoder answers by itself: weights float32 [dimensions + 1, labels], the last row being the bias.

    `reads`: the text's vector, or the state of its first piece.
    """

    labels: tuple[str, ...]
    weights: Floats
    reads: Output

    def logits(self, state: Floats) -> Floats:
        """[dimensions] → [labels] float32."""
        total: Floats = state @ self.weights[:-1] + self.weights[-1]
        return total


class OnnxEncoder:
    """An encoder from a folder with encoder.onnx, tokenizer.json and config.json; safe to share between threads.

    `heads` (from heads.safetensors, where the encoder was tuned): task → Head.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        """Raises EncoderError when the folder is not whole. `threads`: cores one call may use."""
        from tokenizers import Tokenizer

        self._pool = ThreadPoolExecutor(threads, "encoder") if threads > 1 else None
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf8"))
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._session = session(folder / "encoder.onnx")
            self._name, self._dimensions = str(config["name"]), int(config["dimensions"])
            self._prefix: dict[str, str] = dict(config["prefix"])
            self._pieces = int(config["max_pieces"])
            self._tokenizer.enable_truncation(self._pieces)
            self.heads = _heads(folder, config.get("heads", {}))
        except Exception as error:  # tokenizers and onnxruntime raise bare Exceptions for a damaged file
            raise EncoderError(f"{folder} holds no usable encoder ({error}); run: minhu models ship --task {_task(folder)}") from error

    @property
    def name(self) -> str:
        return self._name

    @property
    def dimensions(self) -> int:
        return self._dimensions

    def encode(self, texts: Sequence[str], purpose: Purpose = "query") -> Floats:
        """One text a run: the int8 scales are taken over a whole run, so company would move a vector (and batches were
        measured no faster on a core: 4.5 against 4.3 ms a text). Several `threads` each take their own texts."""
        prefix = self._prefix.get(purpose, "")
        pieces = [encoded.ids for encoded in self._tokenizer.encode_batch([prefix + text for text in texts])]
        rows = list(self._pool.map(self._run, pieces)) if self._pool and len(pieces) > 1 else [self._run(p) for p in pieces]
        return np.vstack(rows) if rows else np.zeros((0, self._dimensions), np.float32)

    def judge(self, task: str, text: str) -> Floats:
        """[labels] logits of one text by the head `task`. Raises KeyError where the encoder has none."""
        head = self.heads[task]
        return head.logits(self._first(text) if head.reads == "first" else self.encode([text])[0])

    def situation(self, text: str) -> dict[str, Floats]:
        """Every head that reads a message in its situation (nlp.context) → its [labels] logits, by one run for all."""
        first = self._first(text)
        return {task: head.logits(first) for task, head in self.heads.items() if head.reads == "first"}

    def _first(self, text: str) -> Floats:
        """[dimensions], the text cut as in training."""
        pieces = self._tokenizer.encode(text).ids
        state: Floats = self._run(pieces if len(pieces) <= SITUATION else [*pieces[: SITUATION - 1], pieces[-1]], "first")[0]
        return state

    def _run(self, pieces: list[int], output: Output = "vectors") -> Floats:
        ids = np.array([pieces], np.int64)
        found: Floats = self._session.run([output], {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0]
        return found


def session(file: Path) -> Any:
    """An onnxruntime session over one core; several threads may run it at once. Raises a bare Exception where the file is damaged."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # What stays allocated after one long batch is worth more elsewhere
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"], disabled_optimizers=_SLOWER)


def _heads(folder: Path, described: Mapping[str, Any]) -> dict[str, Head]:
    from safetensors.numpy import load_file

    tensors = load_file(folder / "heads.safetensors") if described else {}
    return {task: Head(tuple(row["labels"]), tensors[task], row["reads"]) for task, row in described.items()}


class JoinedEncoder:
    """Several tuned encoders as one, for what has time: their vectors side by side; a head they share answers by their mean."""

    def __init__(self, encoders: Sequence[OnnxEncoder]) -> None:
        self._encoders = tuple(encoders)
        common = set.intersection(*({task for task, head in e.heads.items() if head.reads == "vectors"} for e in encoders))
        self.heads = {task: _beside([e.heads[task] for e in encoders]) for task in sorted(common)}

    @property
    def name(self) -> str:
        return "+".join(e.name for e in self._encoders)

    @property
    def dimensions(self) -> int:
        return sum(e.dimensions for e in self._encoders)

    def encode(self, texts: Sequence[str], purpose: Purpose = "query") -> Floats:
        """[n, dimensions], each part of length 1."""
        return np.hstack([e.encode(texts, purpose) for e in self._encoders])


def _beside(heads: Sequence[Head]) -> Head:
    """Over vectors side by side, the mean of what each head says of its own."""
    labels = heads[0].labels
    tables = [head.weights[:, [head.labels.index(label) for label in labels]] / len(heads) for head in heads]
    weights = np.vstack([*(table[:-1] for table in tables), np.sum([table[-1] for table in tables], axis=0)])
    return Head(labels, np.asarray(weights, np.float32), "vectors")


class SentenceTransformerEncoder:
    """Any model that sentence-transformers can load, by name or folder; imports torch (1–5 s, 400 MB)."""

    def __init__(self, model: str, prefix: dict[str, str] | None = None) -> None:
        """`prefix` maps purpose → words before the text. Raises EncoderError when the model cannot be loaded."""
        from sentence_transformers import SentenceTransformer

        try:
            self._model: Any = SentenceTransformer(model, device="cpu")
        except (OSError, ValueError) as error:
            raise EncoderError(f"the model {model!r} cannot be loaded ({error}); give a folder or a name in reach") from error
        self._label = model
        self._prefix = prefix if prefix is not None else {}

    @property
    def name(self) -> str:
        return self._label

    @property
    def dimensions(self) -> int:
        return len(self.encode(["a"])[0])

    def encode(self, texts: Sequence[str], purpose: Purpose = "query") -> Floats:
        prefixed = [self._prefix.get(purpose, "") + text for text in texts]
        if not prefixed:
            return np.zeros((0, self.dimensions), np.float32)
        vectors = self._model.encode(prefixed, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, np.float32)


def _task(folder: Path) -> str:
    """The task that ships the folder: documents_v1 → documents."""
    return "documents" if folder.name.startswith("documents") else "encoder"


def load_encoder(where: str | Path, threads: int = 1) -> Encoder:
    """A folder with encoder.onnx → OnnxEncoder; anything else is a sentence-transformers model. Raises EncoderError."""
    folder = Path(where)
    if (folder / "encoder.onnx").exists():
        return OnnxEncoder(folder, threads)
    if isinstance(where, Path):
        raise EncoderError(f"{folder} holds no encoder.onnx; run: minhu models ship --task {_task(folder)}")
    return SentenceTransformerEncoder(where)
