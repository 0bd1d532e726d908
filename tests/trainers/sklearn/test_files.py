"""Model files: the same bytes for the same estimator, and nothing run that a file names."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer
from skops import io as skops_io

from tasks.errors import UserError
from tasks.trainers.base import write_model
from tasks.trainers.sklearn import SklearnTrainer
from tasks.trainers.sklearn.files import allowed_class, from_bytes, same_bytes, to_bytes
from tests.trainers.estimators import BINARY, examples


def fitted(estimator: Any) -> Any:
    rows = examples(BINARY)
    return estimator.fit(rows.inputs.blocks["x"], rows.target)


def write(folder: Path, estimator: Any, allowed: tuple[str, ...] = ()) -> None:
    """A model's files, checksum and all, as somebody may have made them."""
    content = same_bytes(skops_io.dumps(estimator))
    write_model(folder, "sklearn", BINARY, "model.skops", content, asking={"allowed": list(allowed)})


def changed(content: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """A skops file with another schema."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            data = source.read(name)
            if name == "schema.json":
                schema = json.loads(data)
                change(schema)
                data = json.dumps(schema).encode()
            archive.writestr(name, data)
    return target.getvalue()


def test_bytes_hold_no_dates_and_no_addresses() -> None:
    dumps = [skops_io.dumps(fitted(LogisticRegression())) for _ in range(2)]
    assert dumps[0] != dumps[1]
    assert same_bytes(dumps[0]) == same_bytes(dumps[1]) == same_bytes(same_bytes(dumps[0]))
    with zipfile.ZipFile(io.BytesIO(same_bytes(dumps[0]))) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert np.array_equal(skops_io.loads(same_bytes(dumps[0])).coef_, fitted(LogisticRegression()).coef_)


def test_what_lies_between_the_fields_of_records_is_not_written() -> None:
    layout = np.dtype({"names": ["value", "flag"], "formats": ["<f8", "u1"], "itemsize": 16})
    files = []
    for filling in (0, 255):
        estimator = LogisticRegression()
        records = np.full(3 * 16, filling, dtype=np.uint8).view(layout)
        records["value"], records["flag"] = [1.5, 2.5, 3.5], 1
        estimator.records_ = records
        files.append(to_bytes(estimator))
    assert files[0] == files[1]
    assert from_bytes(files[0], (), "f").records_["value"].tolist() == [1.5, 2.5, 3.5]


def test_loaded_and_saved_again_the_bytes_stay() -> None:
    for estimator in (RandomForestClassifier(3), HistGradientBoostingClassifier(max_iter=3)):
        content = to_bytes(fitted(estimator))
        assert to_bytes(from_bytes(content, (), "f")) == content


def test_loads_only_trusted_types(tmp_path: Path) -> None:
    estimator = LogisticRegression()
    estimator.extra_ = Namespace()
    write(tmp_path, estimator)
    with pytest.raises(UserError, match=r"not trusted \(argparse.Namespace\)"):
        SklearnTrainer().load(tmp_path, BINARY)


@pytest.mark.parametrize("allowed", [(), ("os.system", "posix.system", "builtins.eval", "subprocess.check_output")])
@pytest.mark.parametrize(
    ("module", "name"), [("posix", "system"), ("builtins", "eval"), ("subprocess", "check_output")]
)
def test_a_file_that_names_a_command_is_refused_whatever_its_list_says(
    module: str, name: str, allowed: tuple[str, ...], tmp_path: Path
) -> None:
    def harm(schema: dict[str, Any]) -> None:
        schema["content"]["content"]["func"] |= {"__module__": module, "__class__": name, "__loader__": "FunctionNode"}

    content = changed(skops_io.dumps(FunctionTransformer(np.log)), harm)
    assert f"{module}.{name}" in skops_io.get_untrusted_types(data=content)
    write_model(tmp_path, "sklearn", BINARY, "model.skops", content, asking={"allowed": list(allowed)})
    with pytest.raises(UserError, match=f"not trusted .*{name}"):
        SklearnTrainer().load(tmp_path, BINARY)


def test_a_class_that_makes_itself_from_arguments_is_refused(tmp_path: Path) -> None:
    def harm(schema: dict[str, Any]) -> None:
        schema["__loader__"], schema["__module__"], schema["__class__"] = "ConstructorFromReduceNode", "os", "system"

    content = changed(skops_io.dumps(LogisticRegression()), harm)
    write_model(tmp_path, "sklearn", BINARY, "model.skops", content, asking={"allowed": ["os.system"]})
    with pytest.raises(UserError, match=r"not trusted .*os\.system"):
        SklearnTrainer().load(tmp_path, BINARY)


def test_a_file_of_nonsense_is_damaged(tmp_path: Path) -> None:
    content = changed(skops_io.dumps(LogisticRegression()), lambda schema: schema.update(__loader__="NoSuchNode"))
    write_model(tmp_path, "sklearn", BINARY, "model.skops", content)
    with pytest.raises(UserError, match=r"model\.skops: damaged .*train again"):
        SklearnTrainer().load(tmp_path, BINARY)


def test_only_estimators_are_allowed_and_no_module_of_python_is_imported() -> None:
    sys.modules.pop("this", None)
    assert allowed_class("this.s") is None
    assert "this" not in sys.modules
    assert allowed_class("sklearn.utils.check_array") is None
    assert allowed_class("nosuchlib.Thing") is None
    assert allowed_class("sklearn.linear_model.Ridge") is not None


@pytest.mark.parametrize(("field", "value"), [("left_child", 999), ("right_child", 0), ("feature", 2), ("feature", -5)])
def test_a_tree_that_leads_nowhere_is_refused(field: str, value: int) -> None:
    forest = fitted(RandomForestClassifier(3, random_state=0))
    spoil(forest, field, value)
    with pytest.raises(UserError, match="places that are not there"):
        from_bytes(skops_io.dumps(forest), (), "f")


@pytest.mark.parametrize(("field", "value"), [("left", 999), ("right", 0), ("feature_idx", 2)])
def test_a_boosted_tree_that_leads_nowhere_is_refused(field: str, value: int) -> None:
    boosted = fitted(HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2))
    boosted._predictors[1][0].nodes[field][0] = value
    with pytest.raises(UserError, match="places that are not there"):
        from_bytes(skops_io.dumps(boosted), (), "f")


def test_a_sparse_matrix_with_columns_that_are_not_there_is_refused() -> None:
    estimator = LogisticRegression()
    estimator.kept_ = csr_matrix(np.eye(3))
    assert from_bytes(to_bytes(estimator), (), "f").kept_.nnz == 3
    estimator.kept_.indices[1] = 99
    with pytest.raises(UserError, match="damaged"):
        from_bytes(skops_io.dumps(estimator), (), "f")


def spoil(forest: Any, field: str, value: int) -> None:
    """Changes a node of the second tree, which only its state can do."""
    tree = forest.estimators_[1].tree_
    state = tree.__getstate__()
    state["nodes"] = state["nodes"].copy()
    state["nodes"][field][0] = value
    tree.__setstate__(state)
