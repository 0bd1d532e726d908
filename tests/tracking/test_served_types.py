"""Booleans, timestamps and sounds over MLflow: in every form in which a caller may have them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tasks.model_input.inputs import Examples
from tasks.params.normalize import Normalize
from tasks.params.sklearn import LogisticRegression, SklearnTrain
from tasks.recipe.learning import learn
from tasks.recipe.recipe import write_recipe
from tasks.tracking import package
from tasks.trainers import trainer
from tasks.trainers.base import Job
from tests.small_tables import described
from tests.sounds import tone

pytestmark = pytest.mark.chain

TRAIN = SklearnTrain(kind="sklearn", estimator=LogisticRegression(kind="logistic_regression"))


def rows(num_rows: int) -> pl.DataFrame:
    """Raw rows as they are at rest; `member` and `since` have gaps."""
    numbers = range(num_rows)
    since = [datetime(2024, 1, 1) + timedelta(hours=31 * number) for number in numbers]
    return pl.DataFrame(
        {
            "member": [None if number % 10 == 9 else number % 3 == 0 for number in numbers],
            "since": [None if number % 10 == 8 else since[number] for number in numbers],
            "call": [tone(400 + 300 * (number % 2), seconds=0.05) for number in numbers],
            "label": ["low" if number % 2 == 0 else "high" for number in numbers],
        }
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    import mlflow
    from mlflow.models import Model

    dataset = described(
        {
            "member": ("boolean", "feature"),
            "since": ("timestamp", "feature"),
            "call": ("audio", "feature"),
            "label": ("category", "target"),
        }
    )
    recipe = learn([rows(40)], dataset, Normalize()).recipe
    examples = Examples(inputs=recipe.encode(rows(40)), target=recipe.encode_target(rows(40)))
    folder = tmp_path_factory.mktemp("model")
    job = Job(spec=recipe.spec(), train=examples, validation=examples)
    trainer("sklearn").fit(job, TRAIN).model.save(folder)
    write_recipe(folder / "recipe.json", recipe)
    with package.packaged(folder, rows(40), Model(), folder) as packed:
        yield mlflow.pyfunc.load_model(str(packed))


@pytest.fixture
def frame() -> pd.DataFrame:
    return rows(6).drop("label").to_pandas()


def test_the_signature_names_what_is_promised(model: Any) -> None:
    inputs = {column.name: str(column.type) for column in model.metadata.get_input_schema()}
    assert inputs == {"member": "Any", "since": "Any", "call": "Any"}


def test_prediction_needs_soundfile_and_scipy_for_sounds() -> None:
    recipe = learn(
        [rows(4)], described({"call": ("audio", "feature"), "label": ("category", "target")}), Normalize()
    ).recipe
    needed = {line.split("==")[0] for line in package.requirements(recipe, ())}
    assert {"soundfile", "scipy"} <= needed


def test_the_input_example_can_be_predicted(model: Any) -> None:
    assert len(model.predict(model.input_example)) == package.NUM_EXAMPLES


FORMS: dict[str, dict[str, Any]] = {
    "numpy's truth values": {"member": np.array([True, False, False, True, False, False])},
    "words": {"member": ["Yes", "no", " FALSE", "t", "off", "n"]},
    "ones and zeros": {"member": [1, 0, 0, 1, 0, 0]},
    "Python's times": {"since": [datetime(2024, 1, 1) + timedelta(hours=31 * number) for number in range(6)]},
    "base64": {"call": [base64.b64encode(content).decode() for content in rows(6)["call"]]},
    "base64 in lines": {"call": [base64.encodebytes(content).decode() for content in rows(6)["call"]]},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_answer(model: Any, frame: pd.DataFrame, form: str) -> None:
    pd.testing.assert_frame_equal(model.predict(frame.assign(**FORMS[form])), model.predict(frame))


@pytest.mark.parametrize("key", ["dataframe_records", "dataframe_split", "inputs", "instances"])
def test_json_over_http_gives_the_same_answer(model: Any, frame: pd.DataFrame, key: str) -> None:
    """Files that end in zeros too, which arrays of bytes in NumPy lose."""
    from mlflow.pyfunc import scoring_server

    silent_end = frame.assign(call=[content + bytes(4) for content in frame["call"]])
    columns = {
        "member": frame["member"].tolist(),
        "since": [time.isoformat() for time in frame["since"]],
        "call": [base64.b64encode(content).decode() for content in silent_end["call"]],
    }
    records = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    data = {
        "dataframe_records": records,
        "dataframe_split": {"columns": list(columns), "data": [list(record.values()) for record in records]},
        "inputs": columns,
        "instances": records,
    }[key]
    schema = model.metadata.get_input_schema()
    reply = scoring_server.invocations(json.dumps({key: data}), "application/json", model, schema)
    assert reply.status == 200, reply.response
    pd.testing.assert_frame_equal(pd.DataFrame(json.loads(reply.response)["predictions"]), model.predict(silent_end))


def test_a_frame_of_no_rows_has_no_answers(model: Any) -> None:
    assert len(model.predict(pd.DataFrame({"member": [], "since": [], "call": []}))) == 0


def test_gaps_are_allowed(model: Any, frame: pd.DataFrame) -> None:
    gaps = frame.assign(member=[None, True, False, np.nan, None, pd.NA], since=[None, pd.NaT, *frame["since"][2:]])
    assert model.predict(gaps)["prediction"].isin(["low", "high"]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"member": ["perhaps"] * 6}, "column member: 'perhaps' is no boolean; give true or false"),
        ({"member": [2] * 6}, "column member: 2 is no boolean; give true or false"),
        ({"since": ["soon"] * 6}, "since"),
        ({"call": [b"no sound"] * 6}, "column call .*no sound"),
        ({"call": ["§"] * 6}, "column call: .*base64"),
    ],
)
def test_a_wrong_value_is_named(model: Any, frame: pd.DataFrame, change: dict[str, Any], message: str) -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match=message):
        model.predict(frame.assign(**change))


def test_times_may_have_a_zone_and_text_must_be_iso_where_no_format_is_known() -> None:
    from tasks.errors import UserError
    from tasks.tracking.served_model import raw_rows

    recipe = learn(
        [rows(4)], described({"since": ("timestamp", "feature"), "label": ("category", "target")}), Normalize()
    ).recipe
    aware = pd.DataFrame({"since": [pd.Timestamp("2024-07-01 12:00", tz="Europe/Berlin"), "2024-07-01T12:00:00+02:00"]})
    assert raw_rows(aware, recipe)["since"].to_list() == [datetime(2024, 7, 1, 10)] * 2
    with pytest.raises(UserError, match="column since: '01/02/2024' is no timestamp; give a time such as 2024-01-31T"):
        raw_rows(pd.DataFrame({"since": ["01/02/2024"]}), recipe)
