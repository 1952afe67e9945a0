"""Grows boosted trees and lays them down as plain arrays for nlp.trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Grown:
    """`tensors` as nlp.trees.Trees reads them; `depth` is the longest way from a root to a leaf."""

    tensors: dict[str, Array]
    depth: int


def grow(features: Array, answers: Array, weights: Array, *, rounds: int, leaves: int, rate: float, least: int) -> Grown:
    """`features` float32 [n, f] with NaN for unknown, `answers` int [n] that hold every label, `weights` [n].

    One tree a label and round, each split looks at 30 % of the features, at least `least` rows stand in a leaf.
    """
    learner = HistGradientBoostingClassifier(
        max_iter=rounds, max_leaf_nodes=leaves, learning_rate=rate, min_samples_leaf=least, l2_regularization=5.0, max_features=0.3,
        early_stopping=False, random_state=1,
    )  # fmt: skip
    known = np.where(np.isnan(features).all(axis=0), np.float32(0), features)  # what is never known splits nothing
    learner.fit(known, answers, sample_weight=weights)
    return _laid_down(learner)


def grow_numbers(features: Array, numbers: Array, *, rounds: int, leaves: int, rate: float, least: int) -> Grown:
    """As `grow`, towards `numbers` float32 [n] by least squares: one tree a round."""
    learner = HistGradientBoostingRegressor(
        max_iter=rounds, max_leaf_nodes=leaves, learning_rate=rate, min_samples_leaf=least, l2_regularization=5.0, max_features=0.3,
        early_stopping=False, random_state=1,
    )  # fmt: skip
    learner.fit(features, numbers)
    return _laid_down(learner)


def _laid_down(learner: Any) -> Grown:
    """scikit-learn keeps its trees in private arrays; the shipped reference answers tell when a version lays them otherwise."""
    parts: list[Array] = []
    label, root, shift = [], [], 0
    for one_round in learner._predictors:
        for number, tree in enumerate(one_round):
            nodes = tree.nodes.copy()
            here = np.arange(len(nodes)) + shift
            leaf = nodes["is_leaf"].astype(bool)
            nodes["left"] = np.where(leaf, here, nodes["left"] + shift)
            nodes["right"] = np.where(leaf, here, nodes["right"] + shift)
            parts.append(nodes)
            label.append(number)
            root.append(shift)
            shift += len(nodes)
    nodes = np.concatenate(parts)
    leaf = nodes["is_leaf"].astype(bool)
    tensors: dict[str, Array] = {
        "feature": np.where(leaf, 0, nodes["feature_idx"]).astype(np.int16),
        "limit": np.where(leaf, 0.0, nodes["num_threshold"]).astype(np.float32),
        "missing_left": nodes["missing_go_to_left"].astype(np.uint8),
        "left": nodes["left"].astype(np.int32),
        "right": nodes["right"].astype(np.int32),
        "leaf": np.where(leaf, nodes["value"], 0.0).astype(np.float32),
        "root": np.array(root, np.int32),
        "label": np.array(label, np.int16),
        "start": np.asarray(learner._baseline_prediction, np.float32).ravel(),
    }
    return Grown(tensors, int(nodes["depth"].max()))
