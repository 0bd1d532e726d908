"""What the user says of columns: it is taken, told, and refused where the data cannot be that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.drafting.pipeline import init_pipeline
from tasks.drafting.stated import Stated, stated
from tasks.errors import UserError
from tasks.memo.chain import StageRunner
from tasks.params.file import load_pipeline
from tasks.scaffold.new_project import new_project
from tests.drafting.small_tables import init, project_in

NUM_ROWS = 300

ROWS = pl.DataFrame(
    {
        "postcode": [10115 + 7 * (n % 40) for n in range(NUM_ROWS)],
        "size": [round(50 + n * 0.37 % 60, 2) for n in range(NUM_ROWS)],
        "fee=paid": [n % 7 for n in range(NUM_ROWS)],
        "stars": [1 + (n * n) % 5 for n in range(NUM_ROWS)],
        "sold": ["yes" if (n * 13) % 10 < 4 else "no" for n in range(NUM_ROWS)],
    }
)


def settings_of(root: Path, target: str, **given: Any) -> dict[str, Any]:
    init(root, ROWS, target=target, dry_run=False, stated=Stated(**given))
    config = load_pipeline(root / "params.yaml", "mine")
    columns = {name: (column.type, column.role) for name, column in config.ingest.columns.items()}
    return {"task": config.ingest.task, "metric": config.register_.metric, **columns}


def test_a_column_that_is_ignored_stays_in_the_data_and_is_no_input(tmp_path: Path) -> None:
    draft = init(tmp_path, ROWS, target="sold", dry_run=False, stated=Stated(ignored=("size", "fee=paid")))
    assert draft.decisions.role("size") == draft.decisions.role("fee=paid") == "id"
    assert draft.decisions.features == ("postcode", "stars")
    assert "size is left out, as --ignore says." in draft.block
    # It tells no rows apart: the user has said nothing of that.
    assert "size" not in draft.decisions.key


def test_an_ignored_column_is_not_guessed_as_the_target(tmp_path: Path) -> None:
    assert init(tmp_path, ROWS).decisions.target.name == "sold"
    assert init(tmp_path, ROWS, stated=Stated(ignored=("sold",))).decisions.target.name != "sold"


def test_a_type_that_is_stated_is_the_type(tmp_path: Path) -> None:
    assert settings_of(tmp_path, "sold")["postcode"][0] == "number"
    stated = settings_of(tmp_path, "sold", types={"postcode": "category", "fee=paid": "text"})
    assert (stated["postcode"][0], stated["fee=paid"][0]) == ("category", "text")


def test_a_type_is_stated_of_a_source_that_has_types_of_its_own(tmp_path: Path) -> None:
    ROWS.write_parquet(tmp_path / "rows.parquet")
    given = Stated(types={"postcode": "category"})
    init_pipeline(project_in(tmp_path), "mine", str(tmp_path / "rows.parquet"), "sold", stated=given)
    assert load_pipeline(tmp_path / "params.yaml", "mine").ingest.columns["postcode"].type == "category"


@pytest.mark.parametrize(
    ("target", "task", "metric"),
    [("stars", "regression", "rmse"), ("stars", "multiclass", None), ("sold", "binary", None)],
)
def test_the_task_that_is_stated_is_the_task(tmp_path: Path, target: str, task: str, metric: str | None) -> None:
    settings = settings_of(tmp_path, target, task=task)
    assert settings["task"] == task
    assert metric in (None, settings["metric"])


def test_the_metric_that_is_stated_is_what_the_model_is_chosen_and_judged_by(tmp_path: Path) -> None:
    assert settings_of(tmp_path, "sold", metric="log_loss")["metric"] == "log_loss"
    assert settings_of(tmp_path, "size", metric="mae")["metric"] == "mae"
    settings_of(tmp_path, "size", metric="rmsle")
    train = load_pipeline(tmp_path / "params.yaml", "mine").train
    assert (train.kind, train.target_transform) == ("sklearn", "log1p")


@pytest.mark.chain
def test_what_is_stated_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = new_project(tmp_path / "own").project
    monkeypatch.chdir(project.root)
    ROWS.write_csv("rows.csv")
    given = Stated(task="regression", ignored=("sold",), types={"postcode": "category"})
    init_pipeline(
        project,
        "mine",
        "rows.csv",
        "stars",
        stated=given,
        settings=["split.folds=2", "train.seed=4"],
    )
    runner = StageRunner(project, "mine")
    outcomes = [runner.run(stage).outcome for stage in ("ingest", "validate", "split", "clean", "normalize")]
    assert outcomes == ["ran"] * 5
    assert load_pipeline(project.params, "mine").stage("train").seed == 4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ignored": ("siz",)}, "--ignore: .* has no column siz; did you mean size?"),
        ({"types": {"siz": "number"}}, "--retype: .* has no column siz; did you mean size?"),
        ({"types": {"size": "image"}}, "--retype size=image: the column holds no files"),
        ({"ignored": ("sold",)}, "--ignore sold: it is the --target"),
        ({"task": "regression"}, "--task regression: column sold holds values that are no numbers"),
        ({"task": "multiclass"}, "--task multiclass: column sold has two different values; give --task binary"),
        ({"metric": "mae"}, "--metric mae: it judges numbers, and column sold holds values that are no numbers; g"),
        ({"ignored": ("postcode", "size", "fee=paid", "stars")}, "no column is left to learn from; leave out less"),
    ],
)
def test_what_the_data_cannot_be_is_refused_and_nothing_is_written(
    tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        init(tmp_path, ROWS, target="sold", dry_run=False, stated=Stated(**given))
    assert (tmp_path / "params.yaml").read_text() == "pipelines: {}\n"
    assert not (tmp_path / "expectations").exists()


@pytest.mark.parametrize("metric", ["rmsle", "mae", "rmse", "r2"])
def test_a_metric_of_numbers_says_that_small_counts_are_numbers(tmp_path: Path, metric: str) -> None:
    assert settings_of(tmp_path, "stars")["task"] == "multiclass"
    stated = settings_of(tmp_path, "stars", metric=metric)
    assert (stated["task"], stated["metric"]) == ("regression", metric)


@pytest.mark.parametrize(
    ("target", "given", "message"),
    [
        (
            "stars",
            {"metric": "mae", "task": "multiclass"},
            "--metric mae: it judges numbers, and --task multiclass makes classes of column stars; give --task "
            "regression, or one of accuracy, ",
        ),
        (
            "size",
            {"metric": "f1"},
            "--metric f1: it judges classes, and column size is taken for a number; give --task multiclass where its "
            "values are classes, or one of rmse, mae, rmsle, r2",
        ),
    ],
)
def test_a_metric_of_another_task_is_refused_with_the_task_that_has_it(
    tmp_path: Path, target: str, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as refusal:
        init(tmp_path, ROWS, target=target, stated=Stated(**given))
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"task": "regression"}, "--task regression: column y holds {what}; give --retype y=number to "),
        ({"metric": "mae"}, "--metric mae: it judges numbers, and column y holds {what}; give --retype y=number to "),
    ],
)
def test_numbers_that_lose_digits_are_refused_with_advice_that_works(
    tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    rows = ROWS.with_columns(y=2**53 + 1 + 2 * pl.int_range(pl.len()))
    with pytest.raises(UserError) as refusal:
        init(tmp_path, rows, target="y", stated=Stated(**given))
    assert str(refusal.value).startswith(message.format(what="whole numbers of more digits than a number keeps"))
    draft = init(tmp_path, rows, target="y", stated=Stated(**given, types={"y": "number"}))
    assert draft.decisions.target.task == "regression"


def test_less_than_nothing_has_no_logarithm(tmp_path: Path) -> None:
    rows = ROWS.with_columns(pl.col("size") - 60)
    with pytest.raises(UserError, match=r"--metric rmsle: column size goes down to -10, .* give rmse or mae"):
        init(tmp_path, rows, target="size", stated=Stated(metric="rmsle"))


def test_three_classes_are_not_two(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--task binary: column stars has \d different values; give --task multiclass"):
        init(tmp_path, ROWS, target="stars", stated=Stated(task="binary"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size", "write COLUMN=TYPE"),
        ("=text", "write COLUMN=TYPE"),
        ("size=txt", "there is no type txt; did you mean text?"),
    ],
)
def test_a_text_that_states_nothing_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        stated(None, (), [text])


def test_a_metric_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UserError, match=r"--metric: there is no metric rmslee; did you mean rmsle\?"):
        stated(None, (), (), "rmslee")
    with pytest.raises(UserError, match=r"--metric expected_cost: .* then write evaluate.costs and register.metric"):
        stated(None, (), (), "expected_cost")
    assert stated(None, (), (), "f1").metric == "f1"
    for shouted, metric in (("F1", "f1"), ("RMSLE", "rmsle")):
        with pytest.raises(UserError, match=rf"there is no metric {shouted}; did you mean {metric}\?$"):
            stated(None, (), (), shouted)


def test_a_name_may_hold_the_sign() -> None:
    assert stated("binary", ["a", "b", "a"], ["fee=paid=number"]) == Stated(
        task="binary", ignored=("a", "b"), types={"fee=paid": "number"}
    )
