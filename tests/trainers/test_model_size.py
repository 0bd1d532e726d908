"""How large models are: as scikit-learn, LightGBM and PyTorch count it themselves, and by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import lightgbm
import numpy as np
import pytest
from sklearn import ensemble, linear_model, naive_bayes, neighbors, neural_network, tree

from tasks.trainers.ensemble.model import EnsembleModel, Member
from tasks.trainers.introspection import ModelSize, size_in_all, size_of
from tasks.trainers.lightgbm.model import LabelScale, LightgbmModel
from tasks.trainers.sklearn.size import estimator_size
from tasks.trainers.target_transform import Transform, TransformedModel

ROWS = np.random.default_rng(0).normal(size=(150, 4))
CLASSES = (ROWS[:, 0] + np.random.default_rng(1).normal(size=150) > 0) + (ROWS[:, 1] > 1).astype(int)


class Counted:
    """A model of so many weights."""

    def __init__(self, num: int, what: str = "weights") -> None:
        self.num, self.what = num, what

    def predict(self, inputs: Any) -> np.ndarray:
        raise AssertionError

    def save(self, folder: Any) -> None:
        raise AssertionError

    def size(self) -> ModelSize:
        return ModelSize(num_parameters=self.num, parameters=self.what)


@pytest.mark.parametrize(
    ("estimator", "num_parameters", "parameters"),
    [
        # By hand: of three classes and four columns, of one output, and of a hidden layer of five.
        (linear_model.LogisticRegression(), 3 * (4 + 1), "coefficients"),
        (linear_model.LinearRegression(), 4 + 1, "coefficients"),
        (linear_model.Ridge(fit_intercept=False), 4, "coefficients"),
        (neural_network.MLPClassifier(5, max_iter=3), 4 * 5 + 5 + 5 * 3 + 3, "weights"),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_coefficients_are_counted_as_by_hand(estimator: Any, num_parameters: int, parameters: str) -> None:
    size = estimator_size(estimator.fit(ROWS, CLASSES))
    assert size == ModelSize(num_parameters=num_parameters, parameters=parameters)


def test_leaves_are_those_that_scikit_learn_counts() -> None:
    one = tree.DecisionTreeClassifier(random_state=0).fit(ROWS, CLASSES)
    assert estimator_size(one) == ModelSize(num_parameters=one.get_n_leaves(), parameters="leaves of one tree")
    forest = ensemble.RandomForestClassifier(7, random_state=0).fit(ROWS, CLASSES)
    leaves = sum(member.get_n_leaves() for member in forest.estimators_)
    assert estimator_size(forest) == ModelSize(num_parameters=leaves, parameters="leaves of 7 trees")
    # Of three classes a tree each and round.
    boosted = ensemble.GradientBoostingClassifier(n_estimators=6, random_state=0).fit(ROWS, CLASSES)
    leaves = sum(member.get_n_leaves() for member in boosted.estimators_.ravel())
    assert estimator_size(boosted) == ModelSize(num_parameters=leaves, parameters="leaves of 18 trees")
    by_histogram = ensemble.HistGradientBoostingClassifier(max_iter=6, max_leaf_nodes=4).fit(ROWS, CLASSES)
    leaves = sum(int(one.nodes["is_leaf"].sum()) for trees in by_histogram._predictors for one in trees)
    assert estimator_size(by_histogram) == ModelSize(num_parameters=leaves, parameters="leaves of 18 trees")


def test_what_has_no_such_numbers_has_no_size() -> None:
    assert estimator_size(neighbors.KNeighborsClassifier().fit(ROWS, CLASSES)) is None
    assert estimator_size(naive_bayes.GaussianNB().fit(ROWS, CLASSES)) is None
    bagged = ensemble.BaggingClassifier(neighbors.KNeighborsClassifier(), 3).fit(ROWS, CLASSES)
    assert estimator_size(bagged) is None
    assert size_of(object()) is None


def test_leaves_are_those_that_lightgbm_counts() -> None:
    settings = {"objective": "multiclass", "num_class": 3, "num_leaves": 6, "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(ROWS, CLASSES), num_boost_round=5)
    trees = booster.dump_model()["tree_info"]
    model = LightgbmModel(SimpleNamespace(), booster.model_to_string(), LabelScale())
    expected = sum(one["num_leaves"] for one in trees)
    assert size_of(model) == ModelSize(num_parameters=expected, parameters=f"leaves of {booster.num_trees()} trees")
    assert size_of(TransformedModel(model, Transform(kind="log1p"))) == size_of(model)


def test_an_ensemble_is_as_large_as_all_of_its_models() -> None:
    members = [
        Member(name="nets", weight=0.5, models=(Counted(10), Counted(12))),
        Member(name="trees", weight=0.5, models=(Counted(30, "leaves of 5 trees"),)),
    ]
    expected = ModelSize(num_parameters=52, parameters="weights and leaves of 3 models")
    assert size_of(EnsembleModel(SimpleNamespace(classes=()), members)) == expected
    # Without a count of one of them there is none of all.
    assert size_in_all([Counted(3), object()]) is None
    assert size_in_all([Counted(3)]) == ModelSize(num_parameters=3, parameters="weights")
