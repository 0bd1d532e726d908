"""What a packaged model answers, and what it refuses to."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from mlflow.exceptions import MlflowException

from tasks import files
from tasks.errors import UserError
from tasks.model_input.inputs import Examples
from tasks.params.normalize import Normalize
from tasks.params.sklearn import Ridge, SklearnTrain
from tasks.recipe.learning import learn
from tasks.recipe.recipe import write_recipe
from tasks.tracking.served_model import ServedModel
from tasks.trainers import fit
from tasks.trainers.base import Job
from tests.small_tables import described

TRAIN = SklearnTrain(kind="sklearn", estimator=Ridge(kind="ridge", alpha=0.0), target_transform="log1p")


@pytest.fixture
def unbounded(tmp_path: Path) -> ServedModel:
    """1 + y is exp(x), by a model of the time when answers of logarithms had no bound."""
    x = np.arange(10.0)
    rows = pl.DataFrame({"x": x, "y": np.expm1(x)})
    dataset = described({"x": ("number", "feature"), "y": ("number", "target")}, "regression")
    recipe = learn([rows], dataset, Normalize()).recipe
    examples = Examples(inputs=recipe.encode(rows), target=recipe.encode_target(rows))
    fit(Job(spec=recipe.spec(), train=examples, validation=examples), TRAIN).model.save(tmp_path)
    write_recipe(tmp_path / "recipe.json", recipe)
    content = files.read_json(tmp_path / "model.json")
    del content["target_transform"]["most"]
    files.write_json(tmp_path / "model.json", content)
    model = ServedModel()
    model.load_context(SimpleNamespace(artifacts={"model": str(tmp_path)}))
    return model


def test_an_answer_that_is_no_finite_number_is_refused(unbounded: ServedModel) -> None:
    assert unbounded.predict(None, pd.DataFrame({"x": [3.0]}))["prediction"].tolist() == pytest.approx([np.expm1(3)])
    assert unbounded.answer_requests([{"x": [3.0]}])[0]["prediction"] == pytest.approx([np.expm1(3)])
    # The power of more than 710 is beyond what a float64 holds.
    with pytest.raises(MlflowException, match="the answer is not a finite number: a value is too far from all that"):
        unbounded.predict(None, pd.DataFrame({"x": [3.0, 1000.0]}))
    with pytest.raises(UserError, match="not a finite number"):
        unbounded.answer_requests([{"x": [1000.0]}, {"x": [3.0]}])
