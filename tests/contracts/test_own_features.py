"""Features of one's own: what training computed is what a served row gets, to the last bit, and an edit runs no more
than it must."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tasks import augment, clean, ingest, normalize, split
from tasks.errors import UserError
from tasks.evaluate import predict_rows
from tasks.memo.chain import StageRunner, run_plain
from tasks.params.augment import Augment
from tasks.params.clean import Clean
from tasks.params.ingest import Ingest
from tasks.params.normalize import Normalize
from tasks.params.sklearn import SklearnTrain
from tasks.params.split import HashSplit
from tasks.paths import STAGES, Paths, Project
from tasks.recipe.recipe import Recipe, read_recipe
from tasks.tables import storage
from tasks.tracking import package
from tasks.trainers import fit
from tasks.training.job import read_job
from tasks.training.result import write_model
from tests.small_tables import pipeline_in

pytestmark = pytest.mark.chain

NUM_ROWS = 200
LEAST_SQUARES = SklearnTrain.model_validate({"kind": "sklearn", "estimator": {"kind": "ridge", "alpha": 0.0}})
FEATURES = {
    "work": "torque * speed",
    "hour": "extract(hour from started)",
    "per_gap": "torque / gaps",
    "hotter": "greatest(torque, coalesce(heat, 0))",
    "place": "upper(town) || '-' || strftime(started, '%m')",
    "bend": "exp(sin(torque)) + sqrt(heat)",
}
FUNCTION = """\
import numpy as np
import polars as pl

DAY = 24 * 60


def add(rows: pl.DataFrame) -> pl.DataFrame:
    minutes = rows["started"].dt.hour().cast(pl.Int64) * 60 + rows["started"].dt.minute()
    angle = 2 * np.pi * minutes.to_numpy() / DAY
    return rows.with_columns(pl.Series("sine", np.sin(angle)), wide=pl.col("work").log() / pl.col("gaps"))
"""
COLUMNS = {"hour": {"type": "category", "encode": "target"}}


def cells() -> pl.DataFrame:
    """As a German program writes them."""
    drawn = np.random.default_rng(3)
    torque, speed = drawn.integers(10, 99_999, NUM_ROWS) / 100, drawn.integers(1_000, 90_000, NUM_ROWS) / 10
    start = datetime(2024, 1, 1)

    def german(value: float) -> str:
        return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))

    return pl.DataFrame(
        {
            "number": [f"m{row}" for row in range(NUM_ROWS)],
            "torque": [german(value) for value in torque],
            "speed": [german(value) for value in speed],
            "gaps": [str(row % 3) for row in range(NUM_ROWS)],
            "heat": ["k.A." if row % 7 == 0 else german(row / 8 - 5) for row in range(NUM_ROWS)],
            "town": [[" ulm", "Bonn"][row % 2] for row in range(NUM_ROWS)],
            "started": [f"{start + timedelta(minutes=397 * row):%d.%m.%Y %H:%M}" for row in range(NUM_ROWS)],
            "output": [german(round(value, 2)) for value in torque * speed],
        }
    )


@dataclass(frozen=True)
class Served:
    """The model as MLflow serves it, its recipe, the test rows as the source writes them, and their answers."""

    model: Any
    recipe: Recipe
    rows: pd.DataFrame
    answers: np.ndarray[Any, Any]
    paths: Paths


def trained(root: Path, **settings: Any) -> Paths:
    paths = pipeline_in(root)
    (root / "mine.py").write_text(FUNCTION)
    cells().write_csv(root / "rows.csv", separator=";")
    source = {"kind": "table", "path": "rows.csv", "separator": ";", "decimal": ",", "thousands": "."}
    source["missing"] = ["", "k.A."]  # type: ignore[assignment]
    roles = {"number": {"role": "id"}, "started": {"type": "timestamp", "role": "time"}}
    ingest.run(Ingest.model_validate({"source": source, "target": "output", "columns": roles}), paths)
    storage.write_parts(paths.valid, storage.read_parts(paths.raw))
    split.run(HashSplit(test=0.2, key=("number",)), paths)
    clean.run(Clean.model_validate({}), paths)
    normalize.run(Normalize.model_validate(settings), paths)
    augment.run(Augment.model_validate({}), paths)
    write_model(paths, fit(read_job(LEAST_SQUARES, paths, read_recipe(paths.recipe), []), LEAST_SQUARES))
    return paths


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    import mlflow
    from mlflow.models import Model

    with contextlib.ExitStack() as stack:
        paths = trained(tmp_path_factory.mktemp("own"), features=FEATURES, columns=COLUMNS, features_from="mine.py:add")
        (paths.project.root / "mine.py").unlink()
        recipe, test = read_recipe(paths.model / "recipe.json"), storage.read_table(paths.clean("test"))
        folder = stack.enter_context(package.packaged(paths.model, test, Model(), paths.checkpoints))
        rows = cells().join(test.select("number"), on="number", how="right", maintain_order="right")
        yield Served(
            model=mlflow.pyfunc.load_model(str(folder)),
            recipe=recipe,
            rows=rows.drop("number", "output").to_pandas(),
            answers=predict_rows(recipe, paths).y_score,
            paths=paths,
        )


def test_rows_given_as_text_have_the_answers_that_they_had_in_training(served: Served) -> None:
    answers = served.model.predict(served.rows)["prediction"].to_numpy()
    assert answers.tolist() == served.answers.ravel().tolist()


def test_a_row_alone_has_the_inputs_that_it_has_among_others(served: Served) -> None:
    rows = storage.read_table(served.paths.clean("test"))
    together = served.recipe.encode(rows).blocks
    for row in range(rows.height):
        # The model itself may sum one row in another order than many.
        for name, block in served.recipe.encode(rows[row : row + 1]).blocks.items():
            assert np.array_equal(block, together[name][row : row + 1]), name


def test_a_caller_gives_the_columns_of_the_data_and_no_features(served: Served) -> None:
    names = served.model.metadata.get_input_schema().input_names()
    assert names == ["torque", "speed", "gaps", "heat", "town", "started"]
    with pytest.raises(Exception, match="started"):
        served.model.predict(served.rows.drop(columns="started"))


def test_the_recipe_holds_the_expressions_as_they_were_written(served: Served) -> None:
    assert {one.name: one.sql for one in served.recipe.features if one.sql} == FEATURES
    assert [one.name for one in served.recipe.inputs] == ["started"]


def test_values_are_those_of_polars_by_hand(served: Served) -> None:
    rows = storage.read_table(served.paths.clean("test"))
    columns = served.recipe.columns(rows)
    by_hand = rows.select(
        work=pl.col("torque") * pl.col("speed"),
        hour=pl.col("started").dt.hour().cast(pl.String),
        per_gap=pl.when(pl.col("gaps") != 0).then(pl.col("torque") / pl.col("gaps")),
        hotter=pl.max_horizontal("torque", pl.col("heat").fill_null(0)),
        place=pl.col("town").str.to_uppercase() + "-" + pl.col("started").dt.strftime("%m"),
        bend=(pl.col("torque").sin().exp() + pl.col("heat").sqrt()).fill_nan(None),
        wide=pl.when(pl.col("gaps") != 0).then((pl.col("torque") * pl.col("speed")).log() / pl.col("gaps")),
    )
    assert columns.select(by_hand.columns).equals(by_hand)
    assert columns["per_gap"].null_count() == (rows["gaps"] == 0).sum() > 0


@pytest.mark.parametrize("name", ["torque", "work", "hour", "sine"])
def test_a_column_alone_is_encoded_as_among_others(served: Served, name: str) -> None:
    rows = storage.read_table(served.paths.clean("test"))
    values = served.recipe.columns(rows).select(name)
    feature = next(one for one in served.recipe.features if one.name == name)
    alone = served.recipe.alone(feature).encode(values)
    assert np.array_equal(alone.blocks[name], served.recipe.encode(rows).blocks[name])


def test_a_linear_model_that_is_given_the_product_is_exact(tmp_path: Path) -> None:
    errors = {}
    for name, features in {"without": {}, "with": {"work": "torque * speed"}}.items():
        (tmp_path / name).mkdir()
        paths = trained(tmp_path / name, features=features)
        answers = predict_rows(read_recipe(paths.recipe), paths).y_score.ravel()
        truth = storage.read_table(paths.clean("test"))["output"].to_numpy()
        errors[name] = np.abs(answers - truth).max() / truth.std()
    # To the cent that the source rounds to, and the six digits of float32 that a model reads.
    assert errors["with"] < 1e-5 < 0.1 < errors["without"]


def edited(project: Project, old: str, new: str) -> None:
    text = project.params.read_text()
    assert old in text
    project.params.write_text(text.replace(old, new))


PLAIN = "normalize: {text: {min_documents: 1}}"
TWICE = 'normalize: {text: {min_documents: 1}, features: {twice: "size * 2"}}'


def test_the_report_counts_them_and_says_how_much_each_is_needed(project: Project) -> None:
    edited(project, PLAIN, TWICE)
    run_plain(project, "notes", last="evaluate")
    paths = project.pipeline("notes")
    assert ", and 1 feature of your own. Trained with" in paths.report_page.read_text()
    needed = dict(pl.read_csv(paths.importance).select("column", "importance").rows())
    assert {"size", "twice"} <= needed.keys()


def test_an_edited_expression_runs_normalize_and_what_depends_on_it(project: Project) -> None:
    edited(project, PLAIN, TWICE)
    run_plain(project, "notes", last="normalize")
    assert {one.outcome for one in run_plain(project, "notes", last="normalize")} == {"unchanged"}
    edited(project, "size * 2", "size * 3")
    results = run_plain(project, "notes", last="normalize")
    assert [one.stage for one in results if one.outcome != "unchanged"] == ["normalize"]
    assert any("features.twice" in reason and "size * 3" in reason for reason in results[-1].why)
    out_of_date = StageRunner(project, "notes").out_of_date()
    assert [stage for stage in STAGES if not out_of_date[stage]] == list(STAGES[:5])
    # What was done before is restored, as for every setting.
    edited(project, "size * 3", "size * 2")
    assert run_plain(project, "notes", last="normalize")[-1].outcome == "restored"


def test_an_edited_function_runs_normalize_and_what_depends_on_it_and_a_comment_nothing(project: Project) -> None:
    edited(project, PLAIN, "normalize: {text: {min_documents: 1}, features_from: 'mine.py:add'}")
    mine = project.root / "mine.py"
    mine.write_text("def add(rows):\n    return rows.select(twice=rows['size'] * 2)\n")
    run_plain(project, "notes", last="normalize")
    mine.write_text("def add(rows):\n    # the same\n    return rows.select(twice=rows['size'] * 2)\n")
    assert {one.outcome for one in run_plain(project, "notes", last="normalize")} == {"unchanged"}
    mine.write_text("def add(rows):\n    return rows.select(twice=rows['size'] * 3)\n")
    out_of_date = StageRunner(project, "notes").out_of_date()
    assert out_of_date["normalize"] == ("mine.py changed",)
    results = run_plain(project, "notes", last="normalize")
    assert [(one.stage, one.why) for one in results if one.outcome != "unchanged"] == [
        ("normalize", ("mine.py changed",))
    ]
    assert (
        read_recipe(project.pipeline("notes").recipe)
        .columns(storage.read_table(project.pipeline("notes").clean("test")))["twice"]
        .to_list()[0]
        % 3
        == 0
    )
    mine.unlink()
    with pytest.raises(UserError, match=r"there is no file mine\.py in the project"):
        run_plain(project, "notes")


@pytest.mark.parametrize(
    ("expression", "stages", "message"),
    [
        ("sum(size)", [], "looks at other rows"),
        ("size * kind", [], "uses kind, the target"),
        ("siz * 2", ["ingest"], "names siz, .*did you mean size?"),
    ],
)
def test_a_mistake_is_told_before_the_stages_that_would_come_to_nothing(
    project: Project, expression: str, stages: list[str], message: str
) -> None:
    edited(project, PLAIN, TWICE.replace("size * 2", expression))
    with pytest.raises(UserError, match=message):
        run_plain(project, "notes")
    left = [stage for stage, made in {"ingest": "raw", "validate": "valid"}.items() if _made(project, made)]
    assert left == stages
    edited(project, expression, "size + 1")
    assert run_plain(project, "notes", last="normalize")[-1].outcome == "ran"


def _made(project: Project, folder: str) -> bool:
    return (project.pipeline("notes").data / folder).is_dir()
