"""The runtime of the shipped linear models: hashed n-grams against one int8 table, numpy alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nlp.grams import Description, Field, Hashes, flag_hashes, grams
from nlp.trees import Trees

Floats = npt.NDArray[np.float32]
FORMAT = 1


class ModelError(RuntimeError):
    """A shipped model cannot be used; the message says what is wrong with its folder."""


class LinearModel:
    """One weight row a feature, one column a label. Immutable after loading; safe to share between threads."""

    def __init__(self, config: Mapping[str, Any], tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        if config.get("format") != FORMAT:
            raise ModelError(f"format {config.get('format')!r} is not {FORMAT}; train again with this version")
        self.config = config
        self.labels: tuple[str, ...] = tuple(config["labels"])
        self.temperature = float(config["temperature"])
        self.version = str(config["name"])
        self._fields = {name: Field(tuple(f["chars"]), f["words"], f["weight"]) for name, f in config["fields"].items()}
        self._flag_weight = float(config["flag_weight"])
        self._hashes = tensors["hashes"]  # uint32 [features], ascending
        self._idf = tensors["idf"].astype(np.float32)  # [features]
        self._scale = tensors["scale"].astype(np.float32)  # [features]: of the int8 row
        self._weights = tensors["weights"]  # int8 [features, labels]
        self._bias = tensors["bias"].astype(np.float32)  # [labels]
        self.trees = _trees("trees.", tensors, config.get("trees"))
        self.doubts = _trees("doubts.", tensors, config.get("reader", {}).get("trees"))  # of the kind model, see nlp.gate.reconsider
        self._read = lru_cache(maxsize=256)(self._read_field)  # a text is ranked by its words first, then beside its vector
        self._head = tensors.get("head")  # float32 [dimensions + 1, labels]: last row is the bias
        if self._weights.shape != (len(self._hashes), len(self.labels)) or self._bias.shape != (len(self.labels),):
            raise ModelError(f"the table is {self._weights.shape}, the labels are {len(self.labels)}; ship the model again")

    @classmethod
    def load(cls, folder: Path) -> LinearModel:
        """Reads config.json and model.safetensors. Raises ModelError when either is missing or damaged."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf8"))
            return cls(config, load_file(folder / "model.safetensors"))
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise ModelError(f"{folder} holds no usable model ({error}); run: minhu models ship") from error

    def logits(self, description: Description) -> Floats:
        """[labels] float32, before the temperature."""
        rows, values = self._vector(description)
        total: Floats = (values * self._scale[rows]) @ self._weights[rows].astype(np.float32) + self._bias
        return total

    def probabilities(self, description: Description) -> Floats:
        """[labels] float32 that sum to 1, calibrated by the temperature."""
        return softmax(self.logits(description) / self.temperature)

    def joined(self, description: Description, vector: Floats | None) -> Floats:
        """[labels] probabilities with what the encoder's vector of the same text says beside the words.

        Logarithms are averaged by the config's shares; without a vector, or a head trained for that encoder, words decide.
        """
        if vector is None or self._head is None:
            return self.probabilities(description)
        shares = self.config["head"]
        mixed = (1 - shares["share"]) * np.log(self.probabilities(description) + 1e-9)
        mixed += shares["share"] * np.log(softmax(self.head_logits(vector)) + 1e-9)
        return softmax(mixed / shares["temperature"])

    def head_logits(self, vector: Floats) -> Floats:
        """[labels] float32 of the encoder's vector alone. Raises ModelError for a model without a head."""
        if self._head is None:
            raise ModelError(f"{self.version} was trained without an encoder")
        total: Floats = vector @ self._head[:-1] + self._head[-1]
        return total

    def has_head_for(self, encoder: str) -> bool:
        return self._head is not None and self.config["head"]["encoder"] == encoder

    def _vector(self, description: Description) -> tuple[npt.NDArray[np.intp], Floats]:
        """Rows of the known features and their values; each text has length `weight`, each flag counts `flag_weight`."""
        parts = [self._read(name, text) for name in self._fields if (text := description.texts.get(name, ""))]
        if description.flags:
            found, _ = self._rows(flag_hashes(description.flags))
            parts.append((found, np.full(len(found), self._flag_weight, np.float32)))
        if not parts:
            return np.zeros(0, np.intp), np.zeros(0, np.float32)
        rows, values = zip(*parts, strict=True)
        return np.concatenate(rows), np.concatenate(values)

    def _read_field(self, name: str, text: str) -> tuple[npt.NDArray[np.intp], Floats]:
        field = self._fields[name]
        hashes, counts = grams(text, field, name)
        found, known = self._rows(hashes)
        weighted = counts[known] * self._idf[found]
        length = float(np.sqrt(weighted @ weighted))
        return found, weighted * np.float32(field.weight / length if length else 0.0)

    def _rows(self, hashes: Hashes) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
        at = self._hashes.searchsorted(hashes)
        at[at == len(self._hashes)] = 0
        known = self._hashes[at] == hashes
        return at[known], known


def _trees(prefix: str, tensors: Mapping[str, npt.NDArray[Any]], described: Mapping[str, Any] | None) -> Trees | None:
    found = {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}
    return Trees(found, int(described["depth"])) if found and described else None


def softmax(logits: Floats) -> Floats:
    raised: Floats = np.exp(logits - logits.max())
    shares: Floats = raised / raised.sum()
    return shares
