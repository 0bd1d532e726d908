"""Which types of scikit-learn and scipy a model file may hold: the lists of scikit-learn and skops are the truth."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import scipy.special
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import all_estimators
from skops import io as skops_io
from skops.io._utils import get_public_type_names

from tasks.tracking.champion import model_environment
from tasks.trainers.sklearn.files import from_bytes, to_bytes
from tasks.trainers.sklearn.trusted_types import is_listed

READ = """
import sys
from pathlib import Path
from tasks.trainers.sklearn.files import from_bytes
print(type(from_bytes(Path(sys.argv[1]).read_bytes(), (), "model.skops")).__name__, "torch" in sys.modules)
"""


def path_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__name__}"


def test_of_all_classes_of_scikit_learn_those_on_its_own_list_are_listed() -> None:
    listed = {path_of(kind) for _, kind in all_estimators()}
    # Of all modules, which the list has imported.
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == "sklearn"]
    classes = {path_of(kind) for module in modules for _, kind in inspect.getmembers(module, inspect.isclass)}
    assert len(listed) > 200
    assert len(classes) > 3 * len(listed)
    assert {path for path in classes | listed if is_listed(path)} == listed


def test_of_all_that_scipy_special_holds_its_functions_are_listed_under_each_name_that_skops_has_for_them() -> None:
    # Not all: one that a module of somebody else's imports by its name may have the name of that module.
    listed_by_skops = set(get_public_type_names(scipy.special, np.ufunc))
    assert len(listed_by_skops) > 200
    held = {name: getattr(scipy.special, name) for name in dir(scipy.special)}
    modules = {path.rpartition(".")[0] for path in listed_by_skops}
    paths = {f"{module}.{name}" for module in modules for name in held}
    listed = {path for path in paths | listed_by_skops if is_listed(path)}
    assert listed_by_skops <= listed
    functions = {one.__name__ for one in held.values() if isinstance(one, np.ufunc)}
    assert {path.rpartition(".")[2] for path in listed} == functions


def test_an_estimator_with_a_function_of_scipy_is_saved_and_read() -> None:
    content = to_bytes(FunctionTransformer(func=scipy.special.gammainccinv))
    assert from_bytes(content, (), "model.skops").func is scipy.special.gammainccinv


def test_what_is_not_there_or_not_sklearns_is_not_listed() -> None:
    others = ("LogisticRegression", "sklearn.nothing.LogisticRegression", "sklearn.linear_model.LogisticRegression")
    elsewhere = ("", "sklearn", "scipy.special", "scipy.special._ufuncs.nothing", "os.system", "lightgbm.Booster")
    assert not any(map(is_listed, (*others, *elsewhere)))
    assert is_listed("sklearn.linear_model._logistic.LogisticRegression")


def test_a_process_that_answers_reads_a_model_without_all_of_scikit_learn_and_without_torch(tmp_path: Path) -> None:
    file = tmp_path / "model.skops"
    file.write_bytes(to_bytes(LogisticRegression().fit([[0.0], [1.0]], [0, 1])))
    command = [sys.executable, "-c", READ, str(file)]
    answer = subprocess.run(command, env=model_environment(tmp_path), capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["LogisticRegression", "False"]


def test_elsewhere_skops_has_its_own_lists() -> None:
    """MLflow saves and loads by skops in the same process, and so may anybody."""
    content = skops_io.dumps(LogisticRegression().fit([[0.0], [1.0]], [0, 1]))
    assert skops_io.get_untrusted_types(data=content) == []
