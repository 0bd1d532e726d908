"""A shop whose versions prove themselves on live rows: the first one knows nothing, and later ones know the rule."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import polars as pl
import pytest

from tasks import evaluate, files, register, train, validate
from tasks.monitoring.feedback import take_labels
from tasks.params.file import load_pipeline
from tasks.paths import Paths, Project
from tasks.prediction_log.log import AnsweredBatch, prediction_log
from tasks.reports import Report
from tasks.scoring import job
from tasks.scoring.request import settings_of
from tasks.tables import storage
from tasks.tracking.answering import PartAnswers
from tasks.tracking.champion import Champion
from tasks.tracking.registered import registered_model
from tasks.tracking.served_model import ServedModel
from tests.scoring.shop import HEADER, PARAMS, STAGES, lines, write

SHADOW = PARAMS.replace("conformal: {coverage: 0.9, by: ort}", "robustness: {enabled: false}").replace(
    "register: {metric: accuracy, gate: {accuracy: {min: 0.5}}}",
    """register: {metric: accuracy, shadow: {min_rows: 60, max_rows: 400}}
    monitor: {log: true, min_rows: 50}
    serve: {shadow: challenger}""",
)
FIRST = "C: 1.0e-6"
"""A penalty under which every row gets the same answer."""


def shadowed_shop(root: Path) -> Paths:
    """Version 1 is champion, of a model that answers every row alike."""
    project = Project(root=root)
    paths = project.pipeline("shop")
    project.params.write_text(params_with(FIRST))
    write(root / "kunden.csv", rows(0, 400), f"{HEADER};kauft")
    config = load_pipeline(project.params, "shop")
    for stage in STAGES:
        if stage is validate:
            # All rows pass, without the seconds that Great Expectations takes to be imported.
            shutil.copytree(paths.raw, paths.valid)
            files.write_json(paths.validation_report, {"num_rows": 400, "num_quarantined": 0, "expectations": []})
        else:
            stage.run(config.stage(stage.__name__.rpartition(".")[2]), paths)  # type: ignore[attr-defined]
    register.run(config, paths)
    return paths


class InThisProcess:
    """A version that answers by the code of today, which is its own here: a process each takes seconds to start, and
    has tests of its own (tests/tracking)."""

    def __init__(self, folder: Path) -> None:
        self._model = ServedModel()
        self._model.load_context(SimpleNamespace(artifacts={"model": folder}))

    def answer(self, rows: pl.DataFrame) -> PartAnswers:
        return PartAnswers(answers=pl.from_pandas(self._model.predict(None, rows.to_pandas())), refused={})


@contextmanager
def answered_in_this_process() -> Iterator[None]:
    """Both the champion that the gate asks, and what `predict` asks."""

    def champion(champion: Champion, rows: Path, *_: Any) -> pl.DataFrame:
        folder = next(Path(url2pathname(urlparse(champion.source).path)).rglob("recipe.json")).parent
        answers = InThisProcess(folder).answer(pl.concat(storage.read_parts(rows))).answers
        assert answers is not None
        return answers

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "answering", lambda model, _: nullcontext(InThisProcess(model.model)))
        patch.setattr(register, "champion_answers", champion)
        yield


def params_with(settings: str) -> str:
    """params.yaml with these settings of the model."""
    return SHADOW.replace("kind: logistic_regression", f"kind: logistic_regression, {settings}")


def retrained(paths: Paths, settings: str) -> Report:
    """Another model of the same rows, judged by the gate and registered; what register says."""
    paths.project.params.write_text(params_with(settings))
    config = load_pipeline(paths.project.params, "shop")
    train.run(config.train, paths)
    evaluate.run(config.evaluate, paths)
    return register.run(config, paths)


def rows(first: int, num_rows: int) -> list[str]:
    """Rows as the source writes them, with the target; other ones for another `first`."""
    return lines(num_rows, seed=first, answered=True)


def answered(paths: Paths, version: int, live: list[str], time: datetime, *, right: float, seed: int = 0) -> None:
    """Puts answers into the log of a version, as if it had been asked: right ones on so large a share of the rows."""
    model = registered_model(paths.project, f"shop:{version}")
    log = prediction_log(paths.project, model, settings_of(paths.project, "shop"))
    assert log is not None
    cells = [row.split(";") for row in live]
    names = ["kunde", "alter", "ort", "umsatz", "seit"]
    raw = pl.DataFrame({name: [row[place] for row in cells] for place, name in enumerate(names)})
    drawn = random.Random(seed)
    other = {"ja": "nein", "nein": "ja"}
    given = [row[5] if drawn.random() < right else other[row[5]] for row in cells]
    sure = [0.9 if answer == "ja" else 0.1 for answer in given]
    answers = pl.DataFrame({"prediction": given, "probability_ja": sure, "probability_nein": [1 - one for one in sure]})
    batch = AnsweredBatch(
        rows=raw, answers=answers, answered=range(len(live)), refused={}, time=time, request_id=f"{version}-{seed}"
    )
    log.append(batch, f"{version}-{seed}-{time:%H%M%S%f}")


def labelled(paths: Paths, live: list[str], time: datetime) -> None:
    """The labels of these rows come."""
    pairs = [f"{row.split(';')[0]};{row.split(';')[5]}" for row in live]
    source = write(paths.project.root / "labels.csv", pairs, "kunde;kauft")
    model = registered_model(paths.project, "shop")
    take_labels(paths.project, model, {"kind": "table", "path": str(source)}, time)
