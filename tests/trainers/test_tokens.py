"""Text as tokens, from raw rows to a network's answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.errors import UserError
from tasks.model_input.inputs import Examples
from tasks.params.lightgbm import LightgbmTrain
from tasks.params.networks import MlpNetwork
from tasks.params.normalize import Normalize
from tasks.params.sklearn import LogisticRegression, SklearnTrain
from tasks.params.torch import TorchTrain
from tasks.recipe.learning import learn
from tasks.recipe.recipe import Recipe
from tasks.tracking import package
from tasks.trainers import trainer
from tasks.trainers.base import Job, score
from tests.small_tables import described

DATASET = described({"note": ("text", "feature"), "label": ("category", "target")})
CONFIG = Normalize.model_validate({"text": {"encode": "tokens", "vocabulary": 320, "length": 16}})
MLP = TorchTrain(
    kind="torch",
    network=MlpNetwork(kind="mlp", hidden=(16,)),
    learning_rate=0.02,
    epochs=15,
    batch_size=32,
    device="cpu",
)
OTHERS: list[Any] = [
    SklearnTrain(kind="sklearn", estimator=LogisticRegression(kind="logistic_regression")),
    LightgbmTrain(kind="lightgbm"),
]


def rows(num_rows: int, seed: int) -> pl.DataFrame:
    """What a note praises or blames says its label, among words that say nothing."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, num_rows)
    said = np.array([["dreadful", "poor", "broken"], ["lovely", "splendid", "fine"]])
    plain = np.array(["the", "house", "train", "was", "today", "und", "Köln"])
    notes = [
        " ".join(random.permutation([*random.choice(plain, 6), said[label][random.integers(3)]])) for label in labels
    ]
    return pl.DataFrame({"note": notes, "label": [["bad", "good"][label] for label in labels]})


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return learn([rows(200, 0)], DATASET, CONFIG).recipe


def job(recipe: Recipe) -> Job:
    train, validation = (
        Examples(inputs=recipe.encode(table), target=recipe.encode_target(table))
        for table in (rows(200, 0), rows(80, 1))
    )
    return Job(spec=recipe.spec(), train=train, validation=validation)


def test_a_network_learns_from_tokens_and_answers_the_same_when_loaded(recipe: Recipe, tmp_path: Path) -> None:
    of = job(recipe)
    model = trainer("torch").fit(of, MLP).model
    answers = model.predict(of.validation.inputs)
    assert score(of.spec, answers, of.validation.target)["validation_accuracy"] > 0.9
    model.save(tmp_path)
    assert np.array_equal(trainer("torch").load(tmp_path, of.spec).predict(of.validation.inputs), answers)


@pytest.mark.parametrize("config", OTHERS, ids=lambda config: config.kind)
def test_estimators_refuse_tokens_with_the_cure(recipe: Recipe, config: Any) -> None:
    with pytest.raises(UserError, match=rf"column note: {config.kind} cannot read text as tokens; .*encode: tfidf"):
        trainer(config.kind).fit(job(recipe), config)


def test_prediction_needs_the_library_that_cuts_texts(recipe: Recipe) -> None:
    assert any(line.startswith("tokenizers==") for line in package.requirements(recipe, ()))
    plain = learn([rows(20, 0)], DATASET, Normalize()).recipe
    assert not any(line.startswith("tokenizers") for line in package.requirements(plain, ()))
