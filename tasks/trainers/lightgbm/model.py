"""Trees that answer encoded rows, and lie in a folder as LightGBM's text."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import lightgbm
import numpy as np
from numpy.typing import NDArray

from tasks.errors import UserError
from tasks.model_input.inputs import ModelInput, Spec
from tasks.trainers.base import read_model, write_model
from tasks.trainers.lightgbm.matrix import Categories, Layout

_WEIGHTS = "model.txt"


class LightgbmModel:
    """The trees, and the layout of the matrix that they were trained on."""

    def __init__(self, layout: Layout, text: str) -> None:
        self.layout, self.text = layout, text
        self.booster = lightgbm.Booster(model_str=text)

    def predict(self, inputs: ModelInput) -> NDArray[np.float64]:
        spec = self.layout.spec
        # There is nothing to ask, and a matrix without rows is not taken.
        if inputs.num_rows == 0:
            return np.zeros((0, len(spec.classes)) if spec.classes else (0,))
        answers = np.asarray(self.booster.predict(self.layout.matrix(inputs)), dtype=np.float64)
        # Of two classes LightGBM gives the second one's probability alone.
        return np.column_stack([1 - answers, answers]) if spec.task == "binary" else answers

    def save(self, folder: Path) -> None:
        categories = self.layout.categories
        write_model(folder, "lightgbm", self.layout.spec, _WEIGHTS, self.text.encode(), categories=categories)


def load(folder: Path, spec: Spec) -> LightgbmModel:
    """The model that was saved there. A model.json that does not speak of categories is of the time when they were
    one-hot."""
    content, weights = read_model(folder, "lightgbm", spec)
    categories = content.get("categories", "one_hot")
    if categories not in get_args(Categories):
        raise UserError(
            f"{folder / 'model.json'}: damaged (it knows no categories {categories!r}); run stage train again"
        )
    return LightgbmModel(Layout(spec, categories), weights.decode())
