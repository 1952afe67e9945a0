"""Trees laid down as arrays answer what the trees they were grown as answer."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from models.grow import grow, grow_numbers
from nlp.trees import Trees


def sample() -> tuple[np.ndarray, np.ndarray]:
    dice = np.random.default_rng(3)
    features = dice.normal(size=(600, 5)).astype(np.float32)
    answers = (features[:, 0] > 0).astype(int) + (features[:, 1] > 0.5)
    features[::7, 2] = np.nan
    features[::5, 0] = np.nan
    return features, answers


def test_laid_down_trees_answer_like_the_learner() -> None:
    features, answers = sample()
    grown = grow(features, answers, np.ones(len(answers)), rounds=6, leaves=5, rate=0.3, least=5)
    learner = HistGradientBoostingClassifier(
        max_iter=6, max_leaf_nodes=5, learning_rate=0.3, min_samples_leaf=5, l2_regularization=5.0, max_features=0.3,
        early_stopping=False, random_state=1,
    ).fit(features, answers)  # fmt: skip
    trees = Trees(grown.tensors, grown.depth)
    ours = np.array([trees.logits(row) for row in features])
    assert np.allclose(ours, learner.decision_function(features), atol=1e-4)


def test_a_branch_that_leads_outside_is_refused() -> None:
    features, answers = sample()
    grown = grow(features, answers, np.ones(len(answers)), rounds=1, leaves=3, rate=0.3, least=5)
    broken = grown.tensors | {"left": grown.tensors["left"] + 1000}
    with pytest.raises(ValueError, match="outside"):
        Trees(broken, grown.depth)


def test_many_rows_at_once_get_what_each_gets_alone_in_as_many_parts_as_one_likes() -> None:
    features, answers = sample()
    grown = grow_numbers(features, answers.astype(np.float32), rounds=12, leaves=9, rate=0.3, least=5)
    trees = Trees(grown.tensors, grown.depth)
    alone = np.array([trees.logits(row)[0] for row in features])
    assert np.unique(alone).size > 20
    assert np.allclose(trees.sums(features), alone, atol=1e-5)
    assert np.allclose(trees.sums(features, 0, 5) + trees.sums(features, 5), alone, atol=1e-5)
    assert trees.sums(features[:0]).shape == (0,)
