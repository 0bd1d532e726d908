"""What MLflow is told beside the training itself: the parameters of all stages, data, code, answers to test rows.

Whoever runs the stages calls it, and no stage does: a stage knows its own parameters alone.
"""

from __future__ import annotations

from tasks import files
from tasks.params.pipeline import Pipeline
from tasks.paths import Paths
from tasks.tables.dataset import read_dataset
from tasks.tracking.tags import CODE_TAG, DATA_TAG, TEST_ROWS_TAG
from tasks.tracking.trainings import TrainingRun, add_evaluation, complete_training, has_evaluation
from tasks.trials.answers import kept_answers, rows_digest
from tasks.trials.parameters import changes, of_all_stages, run_name


def track(paths: Paths, stage: str, pipeline: Pipeline, code: str) -> None:
    """Completes the run in MLflow after `stage` ran; `pipeline` is what the stages ran with, `code` a digest of theirs.

    A store that cannot be used costs a warning, and no result: when register has reached it, it is told all at once.
    """
    if stage == "register":
        if not has_evaluation(paths):
            _track_training(paths, pipeline, code)
            _track_evaluation(paths, pipeline)
        return
    # The stage train has waited for it, and has told so.
    if paths.undelivered.exists():
        return
    if stage == "train":
        _track_training(paths, pipeline, code)
    elif stage == "evaluate":
        _track_evaluation(paths, pipeline)


def _track_training(paths: Paths, pipeline: Pipeline, code: str) -> None:
    params = of_all_stages(pipeline)
    tags = {DATA_TAG: read_dataset(paths.dataset).source.digest, CODE_TAG: code}
    complete_training(paths, params, tags, lambda before: _name(before, params, tags))


def _track_evaluation(paths: Paths, pipeline: Pipeline) -> None:
    answers = kept_answers(paths, pipeline)
    add_evaluation(paths, files.read_json(paths.metrics), answers, {TEST_ROWS_TAG: rows_digest(answers)})


def _name(before: TrainingRun | None, params: dict[str, str], tags: dict[str, str]) -> str:
    kind = params.get("estimator.kind") or params.get("network.kind") or params["trainer"]
    if before is None:
        return run_name(kind, None)
    different = changes(before.params, params)
    different += ["new data"] if before.tags.get(DATA_TAG) not in (None, tags[DATA_TAG]) else []
    different += ["other code"] if before.tags.get(CODE_TAG) not in (None, tags[CODE_TAG]) else []
    return run_name(kind, different)
