"""Why a model answers a row as it does: what each column adds, from the answer to a row of which nothing is known.

The terms of the model's inputs are summed up to the columns that the user knows, and add up to the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns import column_type
from tasks.columns.spans import Span
from tasks.errors import UserError, did_you_mean
from tasks.explanation.empty_row import empty_row
from tasks.explanation.shapley import shapley_terms
from tasks.model_input.conformal import ConformalRule, PredictionRegion, regions
from tasks.model_input.decision import LIKELIEST, Decision
from tasks.model_input.inputs import ModelInput, Spec
from tasks.recipe.embedding import column_encoding
from tasks.recipe.kind_values import kind_values
from tasks.recipe.recipe import Feature, Recipe
from tasks.trainers.base import Model
from tasks.trainers.introspection import Floats, GivesTerms, Terms, Unit

_MOST_TERMS = 1 << 22
"""Terms of a few rows that are in memory at once: those of TF-IDF have one for each word of all texts."""
_NEXT_TO_NOTHING = 1e-6


@dataclass(frozen=True, kw_only=True)
class Reason:
    """What one column adds. `value` is the cell, put right as the model has it.

    `spans` are the words of a text, `elsewhere` what of the column lies on words that are not there. `heat` [H, W] is
    what each pixel of a picture or of a spectrogram adds, and `pixels` [C, H, W] that picture, as the model reads it.
    """

    column: str
    value: Any
    amount: float
    spans: tuple[Span, ...] = ()
    heat: Floats | None = field(default=None, compare=False)
    is_sound: bool = False
    pixels: NDArray[np.uint8] | None = field(default=None, compare=False)

    @property
    def elsewhere(self) -> float:
        """What a text's own words do not tell of; 0 where that is next to nothing."""
        rest = self.amount - sum(span.amount for span in self.spans)
        return rest if self.spans and abs(rest) > _NEXT_TO_NOTHING * max(abs(self.amount), abs(rest)) else 0.0


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """One row's reasons, the weightiest first: `base`, all amounts and `missing` together are `answer`, in `unit`.

    `prediction` is the model's own answer, a class or a value, and `probability` that of `output`, the class that the
    reasons are about; both None for a number. `region` is where the truth lies, of a version that says so. `missing` is
    what the steps of an integral leave.
    """

    prediction: str | float
    output: str | None
    probability: float | None
    unit: Unit
    method: str
    base_of: str
    base: float
    answer: float
    reasons: tuple[Reason, ...]
    region: PredictionRegion | None = None

    @property
    def missing(self) -> float:
        return self.answer - self.base - sum(reason.amount for reason in self.reasons)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON: without pictures."""
        return {
            "prediction": self.prediction,
            **({"coverage": self.region.coverage, **self.region.columns} if self.region else {}),
            "class": self.output,
            "probability": self.probability,
            "unit": self.unit,
            "method": self.method,
            "base": self.base,
            "base_of": self.base_of,
            "answer": self.answer,
            "missing": self.missing,
            "reasons": [_plain(reason) for reason in self.reasons],
        }


def explained(
    model: Model,
    recipe: Recipe,
    rows: pl.DataFrame,
    class_name: str | None = None,
    decision: Decision = LIKELIEST,
    rule: ConformalRule | None = None,
) -> Iterator[Explanation]:
    """The reasons for each raw row, about that class: by default the last of two, and of more the one that is answered.

    `decision` is how the model's probabilities become its answer, `rule` how far the truth lies from it; a column that
    the rule alone goes by may stand among those of `rows`. Raises UserError for a class that the model does not
    know, and for what the model cannot be asked with.
    """
    spec = recipe.spec()
    wanted = _class_number(spec, class_name)
    empty = empty_row(recipe)
    at_once = max(1, _MOST_TERMS // max(1, sum(one.num_inputs for one in spec.fields)))
    for start in range(0, rows.height, at_once):
        some = rows[start : start + at_once]
        yield from _of_rows(model, recipe, some, empty, wanted, decision, rule)


def _of_rows(
    model: Model,
    recipe: Recipe,
    rows: pl.DataFrame,
    empty: ModelInput,
    wanted: int | None,
    decision: Decision,
    rule: ConformalRule | None,
) -> Iterator[Explanation]:
    spec, columns = recipe.spec(), recipe.columns(rows)
    inputs = recipe.blocks(columns)
    answers = model.predict(inputs)
    outputs = _outputs(spec, answers, wanted)
    terms = _terms(model, spec, inputs, empty, outputs)
    values = {one.name: columns[one.name].to_list() for one in recipe.features}
    answered = decision.of(answers) if spec.classes else answers
    sure = regions(rule, answers, spec.classes, _kinds(rule, rows)) if rule else [None] * rows.height
    for number in range(rows.height):
        reasons = [
            _reason(one, values[one.name][number], terms.by_column[one.name][number], inputs.blocks[one.name], number)
            for one in recipe.features
        ]
        output = int(outputs[number])
        yield Explanation(
            prediction=spec.classes[int(answered[number])] if spec.classes else float(answered[number]),
            output=spec.classes[output] if spec.classes else None,
            probability=float(answers[number, output]) if spec.classes else None,
            unit=terms.unit,
            method=terms.method,
            base_of=terms.base_of,
            base=float(terms.base[number]),
            answer=float(terms.answer[number]),
            reasons=tuple(sorted(reasons, key=lambda reason: -abs(reason.amount))),
            region=sure[number],
        )


def _kinds(rule: ConformalRule, rows: pl.DataFrame) -> pl.Series | None:
    """The values that say which kind a row is of; None where no column says so, or the rows do not have it."""
    column = rule.column
    return kind_values(rows[column.name], column) if column and column.name in rows.columns else None


def _terms(model: Model, spec: Spec, inputs: ModelInput, empty: ModelInput, outputs: NDArray[np.int64]) -> Terms:
    own = model.terms(inputs, empty, outputs) if isinstance(model, GivesTerms) else None
    return shapley_terms(model, spec, inputs, empty, outputs) if own is None else own


def _class_number(spec: Spec, name: str | None) -> int | None:
    if name is None:
        # Of two classes always the same one: else the signs of two rows would mean opposite things.
        return 1 if spec.task == "binary" else None
    if not spec.classes:
        raise UserError(f"--class {name}: the target is a number and has no classes; leave it out")
    if name not in spec.classes:
        raise UserError(f"--class {name}: the model knows no such class{did_you_mean(name, spec.classes)}")
    return spec.classes.index(name)


def _outputs(spec: Spec, answers: Floats, wanted: int | None) -> NDArray[np.int64]:
    if wanted is not None:
        return np.full(len(answers), wanted)
    return answers.argmax(axis=1) if spec.classes else np.zeros(len(answers), dtype=np.int64)


def _reason(feature: Feature, value: Any, terms: Floats, block: Any, number: int) -> Reason:
    amount = float(np.sum(terms))
    of_type = column_type(feature.encoding.type)
    # A column of which the model tells no parts has one term.
    if np.ndim(terms) == 0 or value is None:
        return Reason(column=feature.name, value=value, amount=amount)
    if np.ndim(terms) == 3:
        heat, pixels = terms.sum(axis=0), block[number]
        is_sound = of_type.name == "audio"
        return Reason(column=feature.name, value=value, amount=amount, heat=heat, pixels=pixels, is_sound=is_sound)
    spans = of_type.spans(value, column_encoding(feature.encoding), terms)
    return Reason(column=feature.name, value=value, amount=amount, spans=spans)


def _plain(reason: Reason) -> Mapping[str, Any]:
    words = [
        {"word": reason.value[span.start : span.end], "start": span.start, "end": span.end, "amount": span.amount}
        for span in reason.spans
    ]
    shown = None if isinstance(reason.value, bytes) else reason.value
    value = shown if isinstance(shown, str | float | int | bool | None) else str(shown)
    return {"column": reason.column, "value": value, "amount": reason.amount} | ({"words": words} if words else {})
