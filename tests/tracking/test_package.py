"""The served model and its package, without a store."""

from __future__ import annotations

import base64
import io
import json
from contextlib import nullcontext
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image

from tasks import files, train
from tasks.errors import UserError
from tasks.model_input.conformal import ConformalRule, KindColumn
from tasks.params.file import load_pipeline
from tasks.paths import Paths, Project
from tasks.recipe.recipe import read_recipe
from tasks.scoring import one_row
from tasks.scoring.new_rows import open_rows
from tasks.sources.base import Place
from tasks.tables.dialect import ColumnDialect
from tasks.tracking import package
from tasks.tracking.answering import PartAnswers
from tasks.tracking.packed_model import asked_columns, optional_columns
from tasks.tracking.registered import RegisteredModel
from tests.trained import prepared, rows

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Paths:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        paths = prepared(tmp_path_factory.mktemp("project"))
        train.run(load_pipeline(paths.project.params, "mixed").train, paths)
        yield paths


@pytest.fixture(scope="module")
def model(project, tmp_path_factory):
    import mlflow
    from mlflow.models import Model

    about = Model()
    with package.packaged(project.model, rows(30, 2), about, project.checkpoints) as folder:
        yield mlflow.pyfunc.load_model(str(folder))


@pytest.fixture
def frame() -> pd.DataFrame:
    return rows(4, seed=9).drop("label").to_pandas()


def test_the_signature_names_the_raw_columns(model):
    inputs = {column.name: str(column.type) for column in model.metadata.get_input_schema()}
    assert inputs == dict.fromkeys(("weight", "age", "town", "note", "scan"), "Any")
    assert model.metadata.get_output_schema().input_names() == ["prediction", "probability_no", "probability_yes"]


def test_the_input_example_can_be_predicted(model):
    from mlflow.models import ModelSignature

    assert isinstance(model.metadata.signature, ModelSignature)
    example = model.input_example
    answers = model.predict(example)
    assert len(answers) == len(example) == package.NUM_EXAMPLES


def test_a_threshold_goes_along_and_decides_what_is_answered(project, frame, tmp_path):
    import mlflow
    from mlflow.models import Model

    decision = tmp_path / "decision.json"
    files.write_json(decision, {"positive": "no", "threshold": 0.02, "costs": None})
    with package.packaged(project.model, rows(30, 2), Model(), project.checkpoints, {"decision": decision}) as folder:
        answers = mlflow.pyfunc.load_model(str(folder)).predict(frame)
    from_it_on = np.where(answers["probability_no"] >= 0.02, "no", "yes").tolist()
    assert answers["prediction"].tolist() == from_it_on
    likelier = np.where(answers["probability_no"] >= answers["probability_yes"], "no", "yes").tolist()
    assert from_it_on != likelier


@pytest.fixture(scope="module")
def unsure_folder(project, tmp_path_factory):
    """The model with sets of classes, by a column that it does not read."""
    from mlflow.models import Model

    rule = ConformalRule(
        coverage=0.9,
        by="region",
        column=KindColumn(name="region", type="category", dialect=ColumnDialect(missing=("", "?"))),
        num_rows=90,
        common=0.7,
        kinds=("7", "north", None),
        distances=(0.0, 1.0, 0.2),
    )
    file = tmp_path_factory.mktemp("rule") / "conformal.json"
    files.write_json(file, rule.model_dump(mode="json"))
    with package.packaged(project.model, rows(30, 2), Model(), project.checkpoints, {"conformal": file}) as folder:
        yield folder


@pytest.fixture(scope="module")
def unsure(unsure_folder):
    import mlflow

    return mlflow.pyfunc.load_model(str(unsure_folder))


def test_a_column_that_kinds_go_by_is_asked_of_rows_that_have_it(unsure_folder, unsure, frame, tmp_path, monkeypatch):
    asked, optional = (of(unsure_folder, "mixed") for of in (asked_columns, optional_columns))
    assert (asked, optional) == (["weight", "age", "town", "note", "scan"], ["region"])
    for names in (asked, [*asked, "region"]):
        (tmp_path / "new.csv").write_text(f"{','.join(names)}\n{','.join('1' for _ in names)}\n")
        block = {"kind": "table", "path": str(tmp_path / "new.csv")}
        rows_of_file = open_rows(block, None, asked, Place(root=tmp_path, downloads=tmp_path), optional)
        assert rows_of_file.asked == tuple(names)
    model = RegisteredModel(
        name="mixed",
        version=1,
        alias=None,
        packed=unsure_folder,
        model=unsure_folder,
        recipe="r",
        passport=None,
    )
    own = unsure.unwrap_python_model()

    class InThisProcess:
        """Its own process would take seconds to start."""

        def answer(self, asked_rows: pl.DataFrame) -> PartAnswers:
            return PartAnswers(answers=pl.from_pandas(own.predict(None, asked_rows.to_pandas())), refused={})

    monkeypatch.setattr(one_row, "answering", lambda *_: nullcontext(InThisProcess()))
    cells = {**frame.iloc[0].drop("scan").to_dict(), "scan": base64.b64encode(frame["scan"][0]).decode()}
    sets = [
        one_row.answer_row(Project(root=tmp_path), model, json.dumps({**cells, **more}))["prediction_set"]
        for more in ({"region": "north"}, {"region": 7}, {})
    ]
    assert sets == ['["no", "yes"]', "[]", unsure.predict(frame.head(1))["prediction_set"][0]]


def test_sets_of_classes_go_along_and_all_else_is_answered_as_without(unsure, model, frame):
    answers = unsure.predict(frame)
    assert list(answers.columns) == ["prediction", "prediction_set", "probability_no", "probability_yes"]
    assert unsure.metadata.get_output_schema().input_names() == list(answers.columns)
    pd.testing.assert_frame_equal(answers.drop(columns="prediction_set"), model.predict(frame))
    probabilities = answers[["probability_no", "probability_yes"]].to_numpy()
    expected = [[name for name, one in zip(("no", "yes"), row, strict=True) if 1 - one <= 0.7] for row in probabilities]
    assert [json.loads(text) for text in answers["prediction_set"]] == expected
    assert unsure.predict(frame.head(0))["prediction_set"].tolist() == []


def test_a_set_goes_by_the_kind_of_its_row_where_the_row_says_so(unsure, frame):
    inputs = unsure.metadata.get_input_schema()
    assert {column.name: column.required for column in inputs}["region"] is False
    everything, nothing = '["no", "yes"]', "[]"
    by_common = unsure.predict(frame)["prediction_set"].tolist()
    north = unsure.predict(frame.assign(region="north"))["prediction_set"].tolist()
    seven = unsure.predict(frame.assign(region=[7, 7.0, "7", np.float64(7)]))["prediction_set"].tolist()
    assert (north, seven) == ([everything] * 4, [nothing] * 4)
    assert unsure.predict(frame.assign(region="elsewhere"))["prediction_set"].tolist() == by_common
    gaps = [unsure.predict(frame.assign(region=[gap] * 4)) for gap in ("?", None, np.nan)]
    likely = (gaps[0][["probability_no", "probability_yes"]].to_numpy() >= 0.8).any(axis=1)
    for answers in gaps:
        assert [text != nothing for text in answers["prediction_set"]] == likely.tolist()


def test_the_scoring_server_answers_sets_by_kinds(unsure, frame):
    """By MLflow's own endpoint: the column of kinds may be there, be null, or be missing in all rows."""
    from mlflow.pyfunc import scoring_server

    rows = [
        {**row, "scan": base64.b64encode(row["scan"]).decode(), "age": None if np.isnan(row["age"]) else row["age"]}
        for row in frame.to_dict("records")
    ]

    def sets(form: str, content: Any, content_type: str = "application/json") -> list[str]:
        text = json.dumps({form: content}) if content_type == "application/json" else content
        reply = scoring_server.invocations(text, content_type, unsure, unsure.metadata.get_input_schema())
        assert reply.status == 200, reply.response
        return [one["prediction_set"] for one in json.loads(reply.response)["predictions"]]

    by_common = unsure.predict(frame)["prediction_set"].tolist()
    gap_and_new = unsure.predict(frame.assign(region=[None, None, None, "new"]))["prediction_set"][2:]
    by_kind = ['["no", "yes"]', "[]", *gap_and_new]
    kinds = [{**row, "region": region} for row, region in zip(rows, ["north", 7, None, "new"], strict=True)]
    split = {"columns": list(kinds[0]), "data": [list(row.values()) for row in kinds]}
    assert sets("dataframe_records", rows) == by_common
    assert sets("dataframe_records", kinds) == sets("dataframe_split", split) == by_kind
    assert sets("inputs", {name: [row[name] for row in kinds] for name in kinds[0]}) == by_kind
    assert sets("csv", pd.DataFrame(kinds).to_csv(index=False), "text/csv") == by_kind


def test_a_column_that_the_model_reads_tells_kinds_apart_too(project, frame, tmp_path):
    import mlflow
    from mlflow.models import Model

    rule = ConformalRule(
        coverage=0.9,
        by="town",
        column=KindColumn(name="town", type="category"),
        num_rows=90,
        common=0.0,
        kinds=("Ulm",),
        distances=(1.0,),
    )
    file = tmp_path / "conformal.json"
    files.write_json(file, rule.model_dump(mode="json"))
    with package.packaged(project.model, rows(30, 2), Model(), project.checkpoints, {"conformal": file}) as folder:
        loaded = mlflow.pyfunc.load_model(str(folder))
        answers = loaded.predict(frame.assign(town=["Ulm", "Bonn", None, "Ulm"]))
    assert all(column.required for column in loaded.metadata.get_input_schema())
    assert answers["prediction_set"].tolist() == ['["no", "yes"]', "[]", "[]", '["no", "yes"]']


def test_bytes_arrays_and_base64_give_the_same_answer(model, frame):
    pixels = [np.asarray(Image.open(io.BytesIO(content))) for content in frame["scan"]]
    expected = model.predict(frame)
    for given in (
        pixels,
        [image[:, :, None] for image in pixels],
        [image.astype(float) for image in pixels],
        [np.repeat(image[:, :, None], 3, axis=2) for image in pixels],
        [base64.b64encode(content).decode() for content in frame["scan"]],
    ):
        pd.testing.assert_frame_equal(model.predict(frame.assign(scan=given)), expected, atol=0.02)


def test_missing_values_are_allowed(model, frame):
    gaps = frame.assign(weight=[None, np.nan, 1.0, 2.0], town=[None, "Ulm", "Rome", None], age=[1, None, 3, 4.0])
    assert model.predict(gaps)["prediction"].isin(["no", "yes"]).all()


def test_whole_numbers_are_numbers(model, frame):
    whole = model.predict(frame.assign(age=[30, 40, 50, 60]))
    pd.testing.assert_frame_equal(whole, model.predict(frame.assign(age=[30.0, 40.0, 50.0, 60.0])))


def test_the_order_of_columns_and_others_do_not_matter(model, frame):
    other = frame[frame.columns[::-1]].assign(extra=1)
    pd.testing.assert_frame_equal(model.predict(other), model.predict(frame))


def test_the_same_answers_as_the_model_itself(project, model, frame):
    from tasks.trainers import trainer

    recipe = read_recipe(project.model / "recipe.json")
    own = trainer("sklearn").load(project.model, recipe.spec()).predict(recipe.encode(rows(4, seed=9)))
    np.testing.assert_array_equal(model.predict(frame)[["probability_no", "probability_yes"]].to_numpy(), own)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": ["old", "new", "a", "b"]}, "column age: 'old' is no number"),
        ({"weight": ["x", "y", "z", "w"]}, "weight"),
        ({"weight": [1 + 1j] * 4}, r"column weight: \(1\+1j\) is no number"),
        ({"scan": [b"no image"] * 4}, "column scan .*no image"),
        ({"scan": [None] * 4}, "column scan: a row has none; give the bytes of an image"),
        ({"scan": ["§"] * 4}, "column scan: .*base64"),
        ({"scan": [np.zeros(3)] * 4}, r"column scan: an array of shape \(3,\)"),
        ({"scan": [np.full((4, 4), 0.5)] * 4}, "whole numbers from 0 to 255"),
        ({"note": [b"a"] * 4}, "column note: b'a' is no text; give text"),
    ],
)
def test_a_wrong_value_is_named(model, frame, change, message):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match=message):
        model.predict(frame.assign(**change))


@pytest.mark.parametrize("column", ["weight", "age", "scan"])
def test_a_missing_column_is_named(model, frame, column):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match=column):
        model.predict(frame.drop(columns=column))


def by_column(frame: pd.DataFrame) -> dict[str, list]:
    """The rows as JSON has them: files as base64."""
    cells = {name: frame[name].tolist() for name in frame.columns}
    texts = {name: [base64.b64encode(one).decode() for one in cells[name]] for name in ("scan",)}
    return json.loads(json.dumps({**cells, **texts}).replace("NaN", "null"))


def test_requests_have_the_answers_of_predict_to_the_last_bit_whatever_waits_beside_them(model):
    own = model.unwrap_python_model()
    frames = [rows(size, seed=size).drop("label").to_pandas() for size in (1, 7, 1, 30)]
    for frame, answers in zip(frames, own.answer_requests([by_column(frame) for frame in frames]), strict=True):
        expected = own.predict(None, frame)
        assert list(answers) == list(expected.columns)
        assert answers == expected.to_dict("list")
        assert json.loads(json.dumps(answers)) == answers


@pytest.mark.parametrize("beside", [{}, {"region": ["north", "?", None, "7", "south"]}])
def test_requests_have_the_sets_of_the_rows_kinds(unsure, beside):
    own = unsure.unwrap_python_model()
    frames = [rows(5, seed=seed).drop("label").to_pandas().assign(**beside) for seed in (1, 2)]
    for frame, answers in zip(frames, own.answer_requests([by_column(frame) for frame in frames]), strict=True):
        assert answers == own.predict(None, frame).to_dict("list")
        assert "prediction_set" in answers


def test_requests_name_the_column_that_cannot_be_read(model, frame):
    request = {**by_column(frame), "age": [1, 2, "old", 4]}
    with pytest.raises(UserError, match="column age: 'old' is no number"):
        model.unwrap_python_model().answer_requests([request])


def test_the_model_says_what_each_column_takes(model):
    columns = {column["name"]: column for column in model.unwrap_python_model().describe_columns()}
    assert list(columns) == ["weight", "age", "town", "note", "scan"]
    assert columns["scan"]["type"] == "image"
    assert "base64" in columns["scan"]["accepts"]


def test_no_rows_no_answers(model, frame):
    assert len(model.predict(frame.head(0))) == 0
