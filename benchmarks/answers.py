"""The speed of `modelwright predict` against the bare model, for serving.py: the same rows in the same batches.

A CSV file of the columns that serving.py has, read, checked, asked by its suite, compared with training, answered and
written; against MLflow's model on batches that lie in memory already.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from tasks import augment, clean, evaluate, files, ingest, normalize, register, split, train, validate
from tasks.drafting.suite import suite_of_source
from tasks.params.file import load_pipeline
from tasks.paths import Project
from tasks.scoring.job import score
from tasks.scoring.request import Request, settings_of
from tasks.tracking.registered import registered_model

NUM_TRAINED = 5_000
NUM_ANSWERED = 200_000
ROWS_PER_PART = 20_000

PARAMS = f"""\
pipelines:
  bench:
    ingest: {{source: {{kind: table, path: rows.csv}}, target: target, columns: {{text: {{type: text}}}}}}
    validate: {{}}
    clean: {{duplicates: keep}} # The rows are drawn from a few, again and again.
    split: {{}}
    normalize: {{}}
    augment: {{}}
    train: {{kind: lightgbm, num_iterations: 200}}
    evaluate: {{}}
    register: {{metric: accuracy, gate: {{accuracy: {{min: 0.1}}}}}}
    predict: {{rows_per_part: {ROWS_PER_PART}}}
"""


def answers_table(rows: pl.DataFrame) -> str:
    """Rows a second, and their ratio; `rows` are some with a target, of which as many are made as are needed."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        project = registered_bench(Path(folder), rows)
        source = Path(folder) / "new.csv"
        _repeated(rows.drop("target"), NUM_ANSWERED).write_csv(source)
        predict = _by_predict(project, source)
        bare = _by_the_bare_model(project, source)
    return (
        "| answers | rows a second |\n| --- | --- |\n"
        f"| `modelwright predict`, from the second part on | {predict:,.0f} |\n"
        f"| the bare model, on batches in memory | {bare:,.0f} |\n\n"
        f"{predict / bare:.2f} of the bare model's speed; 0.9 at least\n"
    )


def registered_bench(folder: Path, rows: pl.DataFrame) -> Project:
    """A project in which `bench` is registered, learnt from as many rows like these as it takes."""
    (folder / "params.yaml").write_text(PARAMS)
    _repeated(rows, NUM_TRAINED).write_csv(folder / "rows.csv")
    project = Project(root=folder)
    paths, config = project.pipeline("bench"), load_pipeline(folder / "params.yaml", "bench")
    files.write_json(paths.suite, suite_of_source(project, "bench", config.ingest))
    for stage in (ingest, validate, split, clean, normalize, augment, train, evaluate):
        stage.run(config.stage(stage.__name__.rpartition(".")[2]), paths)  # type: ignore[attr-defined]
    register.run(config, paths)
    return project


def _repeated(rows: pl.DataFrame, num_rows: int) -> pl.DataFrame:
    """As many rows, drawn again and again: no two neighbours are those of the table."""
    return rows[np.random.default_rng(0).integers(0, rows.height, num_rows)]


def _by_predict(project: Project, source: Path) -> float:
    """The first part waits for the model and for Great Expectations, which a longer table does not notice."""
    times: list[tuple[int, float]] = []
    request = Request(
        project=project,
        model=registered_model(project, "bench"),
        source={"kind": "table", "path": str(source)},
        out=str(source.with_name("out.parquet")),
        settings=settings_of(project, "bench"),
    )
    outcome = score(request, lambda num_rows: times.append((num_rows, time.perf_counter())))
    assert outcome.num_answered + outcome.num_quarantined == NUM_ANSWERED
    (first, began), (last, ended) = times[0], times[-1]
    return (last - first) / (ended - began)


def _by_the_bare_model(project: Project, source: Path) -> float:
    from mlflow.pyfunc import load_model

    own = load_model(str(registered_model(project, "bench").packed)).unwrap_python_model()
    rows = pl.read_csv(source, infer_schema=False)
    batches = [part.to_pandas(use_pyarrow_extension_array=True) for part in rows.iter_slices(ROWS_PER_PART)]
    own.predict(None, batches[0])
    began = time.perf_counter()
    for batch in batches[1:]:
        own.predict(None, batch)
    return (NUM_ANSWERED - ROWS_PER_PART) / (time.perf_counter() - began)
