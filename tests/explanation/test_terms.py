"""Reasons by their definition, for every trainer: they add up to the answer, and who is of no use gets nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tasks.explanation.shapley import shapley_terms
from tasks.model_input.inputs import ModelInput, Spec
from tasks.params.networks import MlpNetwork, RnnNetwork, TextCnnNetwork, TransformerNetwork
from tasks.trainers import trainer
from tasks.trainers.base import Job
from tasks.trainers.introspection import GivesTerms, Terms
from tests.trainers.test_conformance import (
    BOOSTING,
    CASES,
    CNN,
    FIELDS,
    FOREST,
    LIGHTGBM,
    LOGISTIC,
    NEIGHBOURS,
    RIDGE,
    Case,
    fitted,
    make_examples,
    make_spec,
    torch_config,
)

TEXT = ("tokens", "dense")
MORE = [
    Case("rnn", torch_config(RnnNetwork(kind="rnn", width=8, embedding=8)), "binary", TEXT),
    Case("text-cnn", torch_config(TextCnnNetwork(kind="text_cnn", channels=8, embedding=8)), "multiclass", TEXT),
    Case("transformer", torch_config(TransformerNetwork(kind="transformer", width=8, num_heads=2)), "binary", TEXT),
    Case("members", torch_config(MlpNetwork(kind="mlp", hidden=(8,), style="tabm", members=3)), "multiclass"),
    Case("members-regression", torch_config(MlpNetwork(kind="mlp", hidden=(8,), style="tabm")), "regression"),
    Case("squared", torch_config(MlpNetwork(kind="mlp", hidden=(8,))).model_copy(update={"loss": "mse"}), "binary"),
    Case(
        "vectors",
        torch_config(MlpNetwork(kind="mlp", hidden=(8,), embedding=3)),
        "binary",
        ("category_index", "dense"),
    ),
    Case("shifted", torch_config(CNN).model_copy(update={"test_time_augmentation": "flip"}), "binary", ("image",)),
]


def empty(spec: Spec) -> ModelInput:
    """A row of nothing: zeros, and of a category the last one."""
    blocks = {field.name: make_zero(field) for field in spec.fields}
    return ModelInput(blocks=blocks, num_rows=1)


def make_zero(field: Any) -> Any:
    from scipy.sparse import csr_matrix

    match field.kind:
        case "sparse":
            return csr_matrix((1, *field.shape), dtype=np.float32)
        case "category_index":
            return np.array([field.num_inputs - 1], dtype=np.int32)
        case "image":
            return np.zeros((1, *field.shape), dtype=np.uint8)
        case "tokens":
            return np.zeros((1, *field.shape), dtype=np.int32)
        case _:
            return np.zeros((1, *field.shape))


def terms_of(model: Any, spec: Spec, rows: ModelInput, nothing: ModelInput, outputs: Any) -> Terms:
    own = model.terms(rows, nothing, outputs) if isinstance(model, GivesTerms) else None
    return own or shapley_terms(model, spec, rows, nothing, outputs)


def sums(terms: Terms) -> Any:
    return sum(term.reshape(len(terms.base), -1).sum(axis=1) for term in terms.by_column.values())


def in_probability(spec: Spec, all_terms: list[Terms]) -> Any:
    """Probabilities [N, K] from the answers that the terms of every class tell of."""
    values = np.stack([terms.answer for terms in all_terms], axis=1)
    match all_terms[0].unit:
        case "log-odds":
            return 1 / (1 + np.exp(-values))
        case "score":
            raised = np.exp(values - values.max(axis=1, keepdims=True))
            return raised / raised.sum(axis=1, keepdims=True)
        case _:
            return values


@pytest.mark.parametrize("case", [*CASES, *MORE], ids=lambda case: case.name)
def test_terms_and_base_add_up_to_the_answer_that_the_model_gives(case: Case) -> None:
    spec, model = make_spec(case), fitted(case).model
    rows = make_examples(case, 6, 3).inputs
    predicted, nothing = model.predict(rows), empty(spec)
    all_terms = [terms_of(model, spec, rows, nothing, np.full(6, number)) for number in range(spec.num_outputs)]
    for terms in all_terms:
        # Of an integral a thousandth of the way may be missing; all else adds up to the last digits.
        close = 1e-3 if terms.method == "integrated gradients" else 1e-6
        way = np.abs(terms.answer - terms.base)
        np.testing.assert_allclose(sums(terms) + terms.base, terms.answer, atol=close * max(1, way.max()))
        for field in spec.fields:
            shape = terms.by_column[field.name].shape
            assert shape in {(6,), (6, *field.row_shape)}
    told = in_probability(spec, all_terms) if spec.classes else all_terms[0].answer
    np.testing.assert_allclose(told, predicted, atol=1e-5 * max(1, np.abs(predicted).max()))


@pytest.mark.parametrize("case", [*CASES, *MORE], ids=lambda case: case.name)
def test_the_base_is_the_answer_to_the_empty_row(case: Case) -> None:
    """Where it is said to be: asked of the model itself. The base of trees is that of their training rows."""
    spec, model = make_spec(case), fitted(case).model
    rows = make_examples(case, 3, 3).inputs
    nothing = empty(spec)
    all_terms = [terms_of(model, spec, rows, nothing, np.full(3, number)) for number in range(spec.num_outputs)]
    if "nothing is known" not in all_terms[0].base_of or "tokens" in case.kinds:
        return
    bases = [replace(terms, answer=terms.base) for terms in all_terms]
    told = in_probability(spec, bases) if spec.classes else bases[0].answer
    expected = model.predict(nothing)
    np.testing.assert_allclose(told, np.broadcast_to(expected, told.shape), rtol=1e-4, atol=1e-5)


ONE_EACH = [
    Case("lightgbm", LIGHTGBM, "binary", ("dense", "category_index")),
    Case("logistic", LOGISTIC, "binary", ("dense", "category_index")),
    Case("ridge", RIDGE, "regression", ("dense", "category_index")),
    Case("network", torch_config(MlpNetwork(kind="mlp", hidden=(8,))), "binary", ("dense", "category_index")),
    Case("forest", FOREST, "binary", ("dense", "category_index")),
    Case("neighbours", NEIGHBOURS, "binary", ("dense", "category_index")),
    Case("boosting", BOOSTING, "regression", ("dense", "category_index")),
]


@pytest.mark.parametrize("case", ONE_EACH, ids=lambda case: case.name)
def test_a_column_that_is_ignored_gets_nothing_and_one_that_is_all_gets_all(case: Case) -> None:
    """Trained on rows in which one column is the same everywhere, so nothing can be learnt of it."""
    spec, name = make_spec(case), FIELDS["category_index"].name
    train, validation = (make_examples(case, num, seed) for num, seed in ((160, 0), (60, 1)))
    for part in (train, validation):
        part.inputs.blocks[name][:] = 0
    model = trainer(case.config.kind).fit(Job(spec=spec, train=train, validation=validation), case.config).model
    rows = make_examples(case, 5, 3).inputs
    # An empty row with the same category: knowing it is then knowing nothing new, whatever a model made of it.
    rows.blocks[name][:] = 0
    nothing = ModelInput(blocks={**empty(spec).blocks, name: np.zeros(1, dtype=np.int32)}, num_rows=1)
    terms = terms_of(model, spec, rows, nothing, np.ones(5, dtype=np.int64))
    np.testing.assert_allclose(terms.by_column[name], 0, atol=1e-9)
    of_dense = terms.by_column[FIELDS["dense"].name].reshape(5, -1).sum(axis=1)
    np.testing.assert_allclose(of_dense, terms.answer - terms.base, atol=1e-3 * np.abs(terms.answer - terms.base).max())
    assert np.abs(of_dense).max() > 0.01


def test_of_a_linear_model_integrated_gradients_are_its_terms() -> None:
    """A network without a hidden layer of any bend: the integral is exact, and is weight times way."""
    case = Case("linear", torch_config(MlpNetwork(kind="mlp", hidden=())), "regression")
    spec, rows = make_spec(case), make_examples(case, 4, 3).inputs
    model = fitted(case).model
    terms = model.terms(rows, empty(spec), np.zeros(4, dtype=np.int64))
    weight = next(model.network.head.parameters()).detach().numpy()[0]
    expected = rows.blocks["size of it"] * weight * model.scale.std
    np.testing.assert_allclose(terms.by_column["size of it"], expected, rtol=1e-4)


def test_exact_shapley_values_are_those_of_a_known_game() -> None:
    """Answer x0 + x1 * x2, from 0: a product is shared by halves."""
    from tests.explanation.test_permutation import numbers

    class Product:
        def predict(self, rows: ModelInput) -> Any:
            x = [rows.blocks[f"c{n}"][:, 0] for n in range(len(rows.blocks))]
            return x[0] + x[1] * x[2]

        def save(self, folder: Any) -> None:
            raise NotImplementedError

    for num_columns in (4, 12):  # all choices, and orders that are drawn
        spec, rows = numbers(num_columns, 3)
        nothing = ModelInput(blocks={name: np.zeros((1, 1)) for name in rows.blocks}, num_rows=1)
        terms = shapley_terms(Product(), spec, rows, nothing, np.zeros(3, dtype=np.int64))
        x = [rows.blocks[f"c{n}"][:, 0] for n in range(3)]
        # Each order the other way round as well: a product is shared by halves whatever is drawn.
        expected = [x[0], x[1] * x[2] / 2, x[1] * x[2] / 2]
        for number, values in enumerate(expected):
            np.testing.assert_allclose(terms.by_column[f"c{number}"], values, atol=1e-12)
        for number in range(3, num_columns):
            assert np.abs(terms.by_column[f"c{number}"]).max() < 1e-12


def test_without_captum_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    from tasks.errors import UserError

    case = Case("mlp-binary", torch_config(MlpNetwork(kind="mlp", hidden=(16,), dropout=0)), "binary")
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "captum" else find(name))
    with pytest.raises(UserError, match=r"the extra `explain`: pip install 'modelwright\[explain\]'"):
        fitted(case).model.terms(make_examples(case, 1, 3).inputs, empty(make_spec(case)), np.ones(1, dtype=np.int64))
