"""Estimators by their import path: which are found, and what is said of the others."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from tasks.errors import UserError
from tasks.trainers.sklearn import SklearnTrainer
from tasks.trainers.sklearn.imported import make_imported
from tests.trainers.estimators import BINARY, NUMBER, examples, imported, job

OWN = '''
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Nearest(ClassifierMixin, BaseEstimator):
    """Says how near a row is to the mean of each class."""

    def __init__(self, power=1.0, memory=None):
        self.power, self.memory = power, memory

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.means_ = np.stack([X[y == one].mean(axis=0) for one in self.classes_])
        return self

    def predict_proba(self, X):
        near = np.exp(-self.power * np.square(X[:, None] - self.means_).sum(axis=2))
        return near / near.sum(axis=1, keepdims=True)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class Hoarder(Nearest):
    def fit(self, X, y):
        self.kept_ = Kept()
        return super().fit(X, y)


class Silent(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.zeros(len(X))


class Kept:
    pass
'''


@pytest.fixture
def own_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    library = tmp_path / "library"
    library.mkdir()
    (library / "ownlib.py").write_text(OWN)
    monkeypatch.syspath_prepend(library)
    yield
    sys.modules.pop("ownlib", None)


def make(path: str, spec: Any = BINARY, **settings: Any) -> Any:
    return make_imported(imported(path, **settings).estimator, spec, seed=7)  # type: ignore[arg-type]


def test_has_its_settings_and_the_seed() -> None:
    estimator = make("sklearn.ensemble.ExtraTreesClassifier", n_estimators=3, class_weight={"yes": 2})
    assert (estimator.n_estimators, estimator.random_state, estimator.class_weight) == (3, 7, {1: 2.0})
    assert make("sklearn.ensemble.ExtraTreesClassifier", random_state=5).random_state == 5
    assert make("sklearn.ensemble.ExtraTreesClassifier", random_state=None).random_state == 7
    assert "random_state" not in make("sklearn.neighbors.KNeighborsRegressor", NUMBER).get_params()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("sklearn.essemble.ExtraTreesClassifier", "no module essemble; did you mean ensemble"),
        ("sklearn.ensemble.ExtraTreeClassifier", "no public .*; did you mean ExtraTreesClassifier"),
        ("sklearn.linear_model._logistic.LogisticRegression", r"write sklearn\.linear_model\.Logis"),
        ("sklearn.utils._testing.check_output", "no module utils"),
        ("sklearn.calibration.LinearSVC", "no public estimator"),
        ("sklearn.preprocessing.StandardScaler", "no public estimator"),
        ("sklearn.cluster.KMeans", "KMeans is no classifier, and the target has classes"),
        ("sklearn.linear_model.LinearRegression", "LinearRegression is no classifier, and the target has classes"),
        ("sklearn.ensemble.VotingClassifier", "cannot do without estimators"),
    ],
)  # fmt: skip
def test_refuses_what_is_no_estimator_for_the_task(path: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(path)


def test_a_classifier_is_not_for_numbers() -> None:
    with pytest.raises(UserError, match="LinearSVC is no regressor, and the target is a number"):
        make("sklearn.svm.LinearSVC", NUMBER)


def test_settings_have_the_estimators_names_and_values() -> None:
    with pytest.raises(UserError, match="has no parameter n_estimater; did you mean n_estimators"):
        make("sklearn.ensemble.ExtraTreesClassifier", n_estimater=3)
    with pytest.raises(UserError, match="'yep' is no class of the target"):
        make("sklearn.ensemble.ExtraTreesClassifier", class_weight={"yep": 3})
    with pytest.raises(UserError, match=r"ExtraTreesClassifier refuses to be fitted: .*n_estimators"):
        SklearnTrainer().fit(job(BINARY), imported("sklearn.ensemble.ExtraTreesClassifier", n_estimators=-3))
    with pytest.raises(UserError, match=r"MultinomialNB refuses to be fitted: Negative values"):
        SklearnTrainer().fit(job(BINARY), imported("sklearn.naive_bayes.MultinomialNB"))


def test_beyond_scikit_learn_only_what_is_allowed_is_imported() -> None:
    with pytest.raises(ValidationError, match=r"ownlib\.Nearest is not of scikit-learn.*allowed: \[ownlib\.Nearest\]"):
        imported("ownlib.Nearest")
    assert "ownlib" not in sys.modules


@pytest.mark.parametrize("path", ["os.system", "builtins.eval", "subprocess.Popen", "nosuchlib.Thing", "numpy.ndarray"])
def test_an_allowed_path_must_be_an_estimators(path: str) -> None:
    wanted = imported(path, allowed=(path,))
    with pytest.raises(UserError, match=f"{path} is no class derived from sklearn.base.BaseEstimator"):
        make_imported(wanted.estimator, BINARY, seed=0)  # type: ignore[arg-type]


@pytest.mark.usefixtures("own_library")
def test_an_allowed_estimator_is_fitted_saved_and_loaded(tmp_path: Path) -> None:
    wanted = imported("ownlib.Nearest", allowed=("ownlib.Nearest",), power=2.0)
    model = SklearnTrainer().fit(job(BINARY), wanted).model
    model.save(tmp_path)
    test = examples(BINARY, 200, 3)
    answers = SklearnTrainer().load(tmp_path, BINARY).predict(test.inputs)
    assert np.array_equal(answers, model.predict(test.inputs))
    assert (answers.argmax(axis=1) == test.target).mean() > 0.85


@pytest.mark.usefixtures("own_library")
def test_what_could_not_be_loaded_again_is_refused_when_it_is_fitted() -> None:
    wanted = imported("ownlib.Hoarder", allowed=("ownlib.Hoarder",))
    with pytest.raises(UserError, match=r"Hoarder holds ownlib\.Kept, which a model file may not"):
        SklearnTrainer().fit(job(BINARY), wanted)
    with pytest.raises(UserError, match=r"holds .*KDTree.*algorithm: brute"):
        SklearnTrainer().fit(job(BINARY), imported("sklearn.neighbors.KNeighborsClassifier", algorithm="kd_tree"))


@pytest.mark.usefixtures("own_library")
def test_a_classifier_must_say_how_sure_it_is() -> None:
    with pytest.raises(UserError, match="take a classifier with predict_proba or decision_function"):
        SklearnTrainer().fit(job(BINARY), imported("ownlib.Silent", allowed=("ownlib.Silent",)))


@pytest.mark.parametrize(
    "path",
    [
        "sklearn.neural_network.MLPClassifier",
        "sklearn.gaussian_process.GaussianProcessClassifier",
        "sklearn.calibration.CalibratedClassifierCV",
        "sklearn.ensemble.GradientBoostingClassifier",
        "sklearn.ensemble.HistGradientBoostingClassifier",
        "sklearn.linear_model.SGDClassifier",
        "sklearn.tree.DecisionTreeClassifier",
    ],
)
def test_estimators_of_scikit_learn_can_be_saved(path: str, tmp_path: Path) -> None:
    model = SklearnTrainer().fit(job(BINARY), imported(path)).model
    model.save(tmp_path)
    inputs = examples(BINARY, 20, 2).inputs
    assert np.array_equal(SklearnTrainer().load(tmp_path, BINARY).predict(inputs), model.predict(inputs))
