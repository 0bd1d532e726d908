"""Trees that answer encoded rows, and lie in a folder as LightGBM's text."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import lightgbm
import numpy as np
from numpy.typing import NDArray

from tasks.errors import UserError
from tasks.files import again
from tasks.model_input.inputs import ModelInput, Spec
from tasks.trainers.base import center_and_scale, read_model, write_model
from tasks.trainers.introspection import ModelSize, Terms, shares_by_field, terms_by_field, trees_size
from tasks.trainers.lightgbm.matrix import Categories, Layout

_WEIGHTS = "model.txt"
_NUM_LEAVES = re.compile(r"^num_leaves=(\d+)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class LabelScale:
    """A number as the trees know it: LightGBM keeps labels in single precision, in which 1e9 and 1e9 + 30 are one."""

    center: float = 0.0
    scale: float = 1.0

    @classmethod
    def of(cls, spec: Spec, target: NDArray[Any], weight: NDArray[np.float64] | None) -> LabelScale:
        """That of the training rows' targets [N]; classes are what they are."""
        if spec.classes:
            return cls()
        center, scale = center_and_scale(target, weight)
        return cls(center=center, scale=scale)

    def labels(self, target: NDArray[Any]) -> NDArray[Any]:
        return target if self == LabelScale() else (target - self.center) / self.scale


class LightgbmModel:
    """The trees, the layout of the matrix that they were trained on, and the scale of what they answer."""

    def __init__(self, layout: Layout, text: str, scale: LabelScale) -> None:
        self.layout, self.text, self.scale = layout, text, scale
        self.booster = lightgbm.Booster(model_str=text)

    def predict(self, inputs: ModelInput) -> NDArray[np.float64]:
        spec = self.layout.spec
        # There is nothing to ask, and a matrix without rows is not taken.
        if inputs.num_rows == 0:
            return np.zeros((0, len(spec.classes)) if spec.classes else (0,))
        answers = np.asarray(self.booster.predict(self.layout.matrix_to_ask(inputs)), dtype=np.float64)
        if not spec.classes:
            return self.scale.center + self.scale.scale * answers
        # Of two classes LightGBM gives the second one's probability alone.
        return np.column_stack([1 - answers, answers]) if spec.task == "binary" else answers

    @property
    def answers_apart(self) -> bool:
        return True

    def own_importance(self) -> dict[str, float] | None:
        """What the splits on each column took off the training loss."""
        gains = np.asarray(self.booster.feature_importance("gain"), dtype=np.float64)
        return shares_by_field(self.layout.fields, gains)

    def size(self) -> ModelSize:
        """Its leaves, as the text of the model counts them."""
        return trees_size([int(num) for num in _NUM_LEAVES.findall(self.text)])

    def terms(self, rows: ModelInput, empty: ModelInput, outputs: NDArray[np.int64]) -> Terms:
        """Exact Shapley values of the trees (Lundberg et al., "Consistent Individualized Feature Attribution for Tree
        Ensembles", 2018), as LightGBM computes them."""
        matrix, spec = self.layout.matrix(rows), self.layout.spec
        places = np.arange(rows.num_rows)
        scores = np.asarray(self.booster.predict(matrix, raw_score=True)).reshape(rows.num_rows, -1)
        terms = _terms_of_outputs(self.booster.predict(matrix, pred_contrib=True), scores.shape[1])
        # Two classes have one score, the second one's log-odds.
        chosen = outputs if scores.shape[1] > 1 else np.zeros_like(outputs)
        sign = np.where(outputs == 0, -1.0, 1.0) if spec.task == "binary" else np.ones(rows.num_rows)
        unit = self.scale.scale * sign
        own = terms[chosen, places] * unit[:, None]
        return Terms(
            unit="log-odds" if spec.task == "binary" else "score" if spec.classes else "target",
            method="exact Shapley values of the trees",
            base_of="the training rows on average",
            base=self.scale.center + own[:, -1],
            answer=self.scale.center + scores[places, chosen] * unit,
            by_column=self._by_column(own[:, :-1]),
        )

    def _by_column(self, terms: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        by_column = terms_by_field(self.layout.fields, terms)
        # One of native categories is a single column already, which the layout calls a number.
        categories = [field.name for field in self.layout.spec.fields if field.kind == "category_index"]
        return by_column | {name: by_column[name].reshape(len(terms)) for name in categories}

    def save(self, folder: Path) -> None:
        settings = {"categories": self.layout.categories, "target": asdict(self.scale)}
        write_model(folder, "lightgbm", self.layout.spec, _WEIGHTS, self.text.encode(), **settings)


def _terms_of_outputs(terms: Any, num_outputs: int) -> NDArray[np.float64]:
    """[O, N, K + 1], the base last: of a sparse matrix LightGBM gives a sparse one for each output, else all in one."""
    if isinstance(terms, np.ndarray):
        return np.stack(np.split(terms.astype(np.float64), num_outputs, axis=1))
    return np.stack([one.toarray() for one in (terms if isinstance(terms, list) else [terms])])


def load(folder: Path, spec: Spec) -> LightgbmModel:
    """The model that was saved there. A model.json that does not speak of categories is of the time when they were
    one-hot."""
    content, weights = read_model(folder, "lightgbm", spec)
    categories = content.get("categories", "one_hot")
    if categories not in get_args(Categories):
        raise UserError(
            f"{folder / 'model.json'}: damaged (it knows no categories {categories!r}); run stage train again"
            f"{again(folder)}"
        )
    # Before labels had a scale, trees answered in the target's own unit.
    scale = LabelScale(**content.get("target", {}))
    return LightgbmModel(Layout(spec, categories), weights.decode(), scale)
